"""The time limit of a command does not include the time of imports that the command causes."""

from __future__ import annotations

from pathlib import Path

import pytest

from secantus_server.clock import Clock, SettableClock
from secantus_server.dispatch._operation import Operation
from secantus_server.errors import CommandError
from secantus_server.modules import import_late

#: A module whose import takes 0.3 seconds.
SLOW = """
from secantus_server.system._clock import monotonic

until = monotonic() + 0.3
while monotonic() < until:
    pass
"""


def test_the_time_of_late_imports_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "imported_slowly.py").write_text(SLOW, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    clock = Clock()
    operation = Operation(clock, 1, 1, "d", {}, (), list)
    import_late("imported_slowly")
    late_s = clock.late_import_s(operation.started)
    assert late_s >= 0.3
    operation.deadline = clock.monotonic()
    operation.check()
    assert 0 < operation.seconds_left() <= late_s
    operation.deadline -= late_s
    with pytest.raises(CommandError, match="operation exceeded time limit"):
        operation.check()
    # An operation that starts after the import gets no extension.
    later = Operation(clock, 2, 1, "d", {}, (), list)
    later.deadline = later.started - 0.001
    with pytest.raises(CommandError, match="operation exceeded time limit"):
        later.check()


def test_imports_do_not_extend_limits_on_a_clock_that_they_do_not_advance() -> None:
    clock = SettableClock(0)
    operation = Operation(clock, 1, 1, "d", {}, (), list)
    operation.limit(100)
    clock.advance(101)
    assert clock.late_import_s(operation.started) == 0
    with pytest.raises(CommandError, match="operation exceeded time limit"):
        operation.check()
