"""The programs that operate MongoDB run unmodified. Programs that are not installed are skipped (see docs/production.md)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.daemon import running
from tests.tools.programs import CHECKS, Unavailable, Workplace, find


@pytest.mark.parametrize(("programs", "check"), CHECKS, ids=[check.__name__ for _programs, check in CHECKS])
def test_program(programs: str, check: Callable[[Workplace], str], tmp_path: Path) -> None:
    try:
        for name in re.findall(r"mongo[\w-]+", programs):
            find(name)
    except Unavailable as error:
        pytest.skip(str(error))
    directory = tmp_path / "work"
    directory.mkdir()
    with running(tmp_path / "data", "--log-level", "info") as daemon, daemon.client() as client:
        check(Workplace(daemon, client, directory))
