"""A daemon with an injected fault in its transactions: ``python -m tests.isolation.mutants MUTANT``, then the arguments of the daemon.

The checkers must find each of these faults. A checker that does not find them is useless.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from secantus_server.cli import main
from secantus_server.work.session_work import SessionWork

Mutate = Callable[[], None]


def _refresh(work: Any) -> None:
    """Replace the snapshot of a transaction that has written nothing, so that it sees all later commits."""
    if not (work._writers or work._entries or work._changes):
        work._unit.rollback()
        work._unit.begin()


def snapshot_per_statement() -> None:
    """Make the server take a new snapshot for each statement of a transaction up to its first write."""
    enter = SessionWork.enter

    def enter_and_refresh(self: SessionWork) -> None:
        enter(self)
        _refresh(self)

    SessionWork.enter = enter_and_refresh  # type: ignore[method-assign]


def no_conflict_check() -> None:
    """Make the server omit the check for write conflicts with transactions that have committed since the current transaction began to
    read.
    """
    write = SessionWork.write

    def refresh_and_write(self: SessionWork, body: Callable[..., Any], check: Callable[[], None]) -> Any:
        _refresh(self)
        return write(self, body, check)

    SessionWork.write = refresh_and_write  # type: ignore[method-assign]


def commit_in_two_parts() -> None:
    """Make the server commit a transaction in two parts: first the writes before its last writing statement, then the remaining writes."""
    write = SessionWork.write

    def commit_and_write(self: Any, body: Callable[..., Any], check: Callable[[], None]) -> Any:
        if self._writers:
            self._commit(None)
            for writer in self._writers.values():
                writer.after_commit()
            self._entries, self._logged, self._writers = [], [], {}
            self._unit.begin()
        return write(self, body, check)

    SessionWork.write = commit_and_write  # type: ignore[method-assign]


MUTANTS: dict[str, Mutate] = {one.__name__: one for one in (snapshot_per_statement, no_conflict_check, commit_in_two_parts)}


if __name__ == "__main__":
    MUTANTS[sys.argv[1]]()
    sys.exit(main(sys.argv[2:]))
