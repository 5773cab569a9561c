"""A history of transactions as JSON lines. Each transaction has an invocation and, unless its process was killed, a completion."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

#: ["append", key, value] or ["r", key, elements read]; the elements are null if unknown.
Operation = list[object]
Outcome = Literal["ok", "fail", "info"]

APPEND, READ = "append", "r"


def append(key: int, value: int) -> Operation:
    """Return the operation that appends a value to a key's list."""
    return [APPEND, key, value]


def read(key: int, found: list[int] | None = None) -> Operation:
    """Return the operation that reads a key's list."""
    return [READ, key, found]


class History:
    """A totally ordered record of the transactions that clients started, and of their outcomes.

    The outcome "ok" means committed, "fail" means certainly not committed, and "info" means that it is unknown.

    Arguments:
        now_ns: returns the time.

    Threads: any; the lock guards everything.
    """

    def __init__(self, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._lock = threading.Lock()
        self._now_ns = now_ns
        self._lines: list[str] = []
        self.outcomes: dict[str, int] = {"ok": 0, "fail": 0, "info": 0}

    def invoke(self, process: int, operations: list[Operation]) -> None:
        """Record that a process starts a transaction."""
        self._record("invoke", process, operations)

    def complete(self, outcome: Outcome, process: int, operations: list[Operation]) -> None:
        """Record the outcome of a transaction. After the outcome "info", the process must not be used again."""
        with self._lock:
            self.outcomes[outcome] += 1
        self._record(outcome, process, operations)

    def transaction(self, outcome: Outcome, process: int, operations: list[Operation]) -> None:
        """Record a complete transaction that does not overlap any other."""
        self.invoke(process, operations)
        self.complete(outcome, process, operations)

    @property
    def lines(self) -> list[str]:
        """Return the lines recorded so far."""
        return self._lines

    def write(self, path: Path) -> Path:
        """Write the history to a file, and return its path."""
        path.write_text("".join(self._lines), encoding="ascii")
        return path

    def _record(self, kind: str, process: int, operations: list[Operation]) -> None:
        with self._lock:
            number = len(self._lines)
            line = {"index": number, "type": kind, "f": "txn", "process": process, "time": self._now_ns(), "value": operations}
            self._lines.append(json.dumps(line, separators=(",", ":")) + "\n")
