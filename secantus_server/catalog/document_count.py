"""How many documents a collection has: counted once, then kept up to date by the writes."""

from __future__ import annotations

from secantus_server.system._threads import Lock


class DocumentCount:
    """The number of documents, if it is known.

    The objects that stand for one collection in the catalog one after the other share it, for a write may end after its collection's
    definition was replaced. Once the number is known it stays known.

    Threads: `_lock` guards all fields; `value` may be read without it.
    """

    __slots__ = ("_lock", "_pending", "_version", "value")

    def __init__(self) -> None:
        self._lock = Lock()
        self._version = 0
        self._pending = 0
        self.value: int | None = None

    def read(self) -> tuple[int | None, int]:
        """The number, if it is known, and the version it belongs to."""
        with self._lock:
            return self.value, self._version

    def remember(self, value: int, version: int) -> None:
        """Keep the number that a scan counted, unless something was written since that version or is being committed."""
        with self._lock:
            if self._version == version and not self._pending:
                self.value = value

    def begin_change(self) -> None:
        """Note that a commit begins while the number is unknown: a scan that runs meanwhile may or may not count its documents."""
        with self._lock:
            self._pending += 1

    def cancel_change(self) -> None:
        """Note that a commit that was begun has failed."""
        with self._lock:
            self._pending -= 1

    def change(self, difference: int, begun: bool = False) -> None:
        """Note that a commit added so many documents, or removed them.

        Arguments:
            begun: `begin_change` was called for it.
        """
        with self._lock:
            self._version += 1
            self._pending -= begun
            if self.value is not None:
                self.value += difference
