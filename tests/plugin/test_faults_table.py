"""The table in docs/faults.md shows what pymongo does with each fault."""

from __future__ import annotations

import re
from pathlib import Path

import pymongo
import pytest

from secantus_server import SecantusDBServer
from tests.plugin.faults_table import table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"


def test_the_table_in_the_documentation() -> None:
    page = PAGE.read_text(encoding="utf-8")
    shown = re.search(r"what pymongo (\d+\.\d+) does", page)
    assert shown, "docs/faults.md does not say which pymongo its table is of."
    if not pymongo.version.startswith(f"{shown[1]}."):
        pytest.skip(f"the table is that of pymongo {shown[1]}")
    with SecantusDBServer(port=0, storage_path=":memory:") as server:
        lines = list(table(server))
    for line in lines:
        assert line in page, f"docs/faults.md lacks {line}: print the table with python -m tests.plugin.faults_table"
