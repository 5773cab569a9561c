"""The programs that operate MongoDB run unchanged; skipped where they are not installed (see docs/production.md)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.daemon import running
from tests.tools.programs import CHECKS, Unavailable, Workplace


@pytest.mark.parametrize("check", [check for _program, check in CHECKS], ids=lambda check: check.__name__)
def test_program(check: Callable[[Workplace], str], tmp_path: Path) -> None:
    directory = tmp_path / "work"
    directory.mkdir()
    with running(tmp_path / "data", "--log-level", "info") as daemon, daemon.client() as client:
        try:
            check(Workplace(daemon, client, directory))
        except Unavailable as error:
            pytest.skip(str(error))
