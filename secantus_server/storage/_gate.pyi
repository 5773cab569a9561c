"""The gate between transactions and threads that need exclusive access to the store (snapshot, restore, close)."""

from collections.abc import Callable
from typing import Any

from typing_extensions import Self

from secantus_server.storage.waiting import Waits

class Gate:
    """Counts running transactions, and blocks new ones while closed."""

    running: int
    entered: int
    closed: bool
    units: list[Any]
    idle: list[Any]
    changed: int
    def __new__(cls, waits: Waits) -> Self: ...
    def wake_at(self, changed: int, wake: Callable[[], object]) -> None:
        """Register a function that is called once, in the committing thread, when `changed` reaches a value."""
    def is_held(self) -> bool:
        """Return whether this thread has an open transaction."""
    def is_closed_here(self) -> bool:
        """Return whether this thread has closed the gate."""
    def close(self, timeout: float | None) -> None:
        """Block new transactions and wait for the running ones to end."""
    def abort_idle(self) -> None:
        """Roll back the open transactions that no command is using."""

    def open(self) -> None:
        """Let new transactions begin."""
