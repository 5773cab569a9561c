"""The number of documents in a collection: counted once, then updated by writes."""

from __future__ import annotations

from secantus_server.system._threads import Lock


class DocumentCount:
    """The number of documents, if known.

    Successive catalog objects of one collection share the same count, because a write may finish after its collection's definition was
    replaced. Once known, the number stays known.

    Threads: `_lock` guards all fields; `value` may be read without it.
    """

    __slots__ = ("_lock", "_pending", "_version", "value")

    def __init__(self) -> None:
        self._lock = Lock()
        self._version = 0
        self._pending = 0
        self.value: int | None = None

    def read(self) -> tuple[int | None, int]:
        """Return the number, or None if unknown, and the version it belongs to."""
        with self._lock:
            return self.value, self._version

    def remember(self, value: int, version: int) -> None:
        """Store the number counted by a scan, unless a write was committed since that version or is being committed."""
        with self._lock:
            if self._version == version and not self._pending:
                self.value = value

    def begin_change(self) -> None:
        """Note that a commit begins while the number is unknown: a concurrent scan may or may not see its documents."""
        with self._lock:
            self._pending += 1

    def cancel_change(self) -> None:
        """Note that a commit announced by `begin_change` failed."""
        with self._lock:
            self._pending -= 1

    def change(self, difference: int, begun: bool = False) -> None:
        """Note that a commit changed the number of documents by `difference`.

        Arguments:
            begun: `begin_change` was called for this commit.
        """
        with self._lock:
            self._version += 1
            self._pending -= begun
            if self.value is not None:
                self.value += difference
