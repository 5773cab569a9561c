"""Ordered scans of a table between two bounds, in either direction."""

from secantus_server.storage.wiredtiger._binding import Session

class Cursor:
    """A scan of [lower, upper) in one transaction; RecoveryUnit.scan() makes it."""

    reverse: bool
    def __init__(self, session: Session, table: int, lower: bytes, upper: bytes | None, reverse: bool) -> None: ...
    def __iter__(self) -> Cursor: ...
    def __next__(self) -> tuple[bytes, bytes]: ...
    def seek_at(self, key: bytes) -> None:
        """Go to a key, or to the one that follows it in the scan's direction."""
    def seek_past(self, key: bytes) -> None:
        """Go to what follows a key in the scan's direction."""
    def close(self) -> None:
        """End the scan; the page it stands on may be evicted again. A second call does nothing."""
