"""Ordered scans of a table between two bounds, in either direction."""

from typing import final

from typing_extensions import Self

from secantus_server.storage.wiredtiger._binding import Session

@final
class Cursor:
    """A scan of [lower, upper) in one transaction, created by RecoveryUnit.scan()."""

    reverse: bool
    def __new__(cls, session: Session, table: int, lower: bytes, upper: bytes | None, reverse: bool) -> Self: ...
    def __iter__(self) -> Cursor: ...
    def __next__(self) -> tuple[bytes, bytes]: ...
    def seek_at(self, key: bytes) -> None:
        """Position the scan at a key, or at the next key in scan direction if the key does not exist."""
    def seek_past(self, key: bytes) -> None:
        """Position the scan after a key, in scan direction."""
    def close(self) -> None:
        """End the scan and release its page for eviction. A second call does nothing."""
