"""Ordered scans of a table between two bounds, in either direction."""

from typing import final

from typing_extensions import Self

from secantus_server.storage.wiredtiger._binding import Session

@final
class Cursor:
    """A scan of [lower, upper) in one transaction; RecoveryUnit.scan() makes it."""

    reverse: bool
    def __new__(cls, session: Session, table: int, lower: bytes, upper: bytes | None, reverse: bool) -> Self: ...
    def __iter__(self) -> Cursor: ...
    def __next__(self) -> tuple[bytes, bytes]: ...
    def seek_at(self, key: bytes) -> None:
        """Goes to a key, or to the one that follows it in the scan's direction."""
    def seek_past(self, key: bytes) -> None:
        """Goes to what follows a key in the scan's direction."""
    def close(self) -> None:
        """Ends the scan; the page it stands on may be evicted again. A second call does nothing."""
