"""The gate between transactions and whoever needs the store for himself."""

from typing import Any

from secantus_server.storage.waiting import Waits

class Gate:
    """Counts the running transactions, and keeps new ones out on request."""

    running: int
    entered: int
    closed: bool
    units: list[Any]
    def __init__(self, waits: Waits) -> None: ...
    def is_held(self) -> bool:
        """Whether this thread has begun a transaction that still runs."""
    def close(self, timeout: float | None) -> None:
        """Keeps new transactions out and waits for the running ones."""
    def open(self) -> None:
        """Lets transactions begin again."""
