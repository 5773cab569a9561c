"""The gate between transactions and whoever needs the store for himself."""

from collections.abc import Callable
from typing import Any

from typing_extensions import Self

from secantus_server.storage.waiting import Waits

class Gate:
    """Counts the running transactions, and keeps new ones out on request."""

    running: int
    entered: int
    closed: bool
    units: list[Any]
    changed: int
    def __new__(cls, waits: Waits) -> Self: ...
    def wake_at(self, changed: int, wake: Callable[[], object]) -> None:
        """Calls `wake` once `changed` has reached a value."""
    def is_held(self) -> bool:
        """Whether this thread has begun a transaction that still runs."""
    def close(self, timeout: float | None) -> None:
        """Keeps new transactions out and waits for the running ones."""
    def open(self) -> None:
        """Lets transactions begin again."""
