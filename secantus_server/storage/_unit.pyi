"""The recovery unit, which is one session with at most one transaction. All reads and writes use a recovery unit."""

from collections.abc import Callable
from typing import final

from typing_extensions import Self

from secantus_server.storage._cursor import Cursor
from secantus_server.storage._gate import Gate
from secantus_server.storage._undo import UndoLog
from secantus_server.storage.keys import IdentRange
from secantus_server.storage.wiredtiger._binding import Connection, Session

@final
class RecoveryUnit(Session):
    """A session with at most one transaction, obtained from Engine.acquire(); see the package docstring for its use."""

    thread: int
    aborted: bool
    serial: int
    @property
    def is_large(self) -> bool:
        """Whether a statement that can be split should continue in a new transaction, because this one is large."""
    def __new__(
        cls, connection: Connection, gate: Gate, undo: UndoLog, sync_on_commit: bool, on_drop: Callable[[IdentRange], None]
    ) -> Self: ...
    def begin(self) -> None:
        """Begin a transaction; wait while another thread has exclusive access to the store."""
    def commit(self) -> None:
        """Commit the transaction. In a directory, its log record is passed to the operating system, or synced to disk if so configured.

        Raises:
            WriteConflict: another transaction has written the same keys; nothing was committed.
            StorageError: the error of the store; nothing was committed.
        """
    def leave(self) -> None:
        """Leave the transaction open after a command, so that any thread may enter it."""
    def enter(self) -> None:
        """Continue a transaction that was left; raise WriteConflict if it was aborted."""
    def abort(self) -> None:
        """Roll back an idle transaction. Only the thread that has closed the gate may call this."""
    def rollback(self) -> None:
        """Roll the transaction back, even if it is idle. Do nothing if another thread has aborted it."""
    def get(self, table: int, key: bytes) -> bytes | None:
        """Return the value of a key, or None."""
    def put(self, table: int, key: bytes, value: bytes, known_absent: bool = False) -> None:
        """Write a value whether or not the key exists."""
    def insert(self, table: int, key: bytes, value: bytes) -> bool:
        """Write a value unless the key exists; return whether it was written."""
    def remove(self, table: int, key: bytes) -> bool:
        """Remove a key; return whether it existed."""
    def truncate(self, table: int, lower: bytes, upper: bytes | None) -> bytes | None:
        """Remove the keys of [lower, upper); return the last of them, or None."""
    def purge(self, table: int, lower: bytes, upper: bytes | None, limit: int) -> int:
        """Remove at most `limit` keys of [lower, upper), without the GIL and without undo records; return the number removed."""
    def rewrite_left_pages(self) -> None:
        """Configure the session for sweep(): WiredTiger evicts each page that the session leaves, which frees the page's removed keys."""
    def sweep(self, table: int, lower: bytes, upper: bytes | None, limit: int) -> tuple[bytes | None, int]:
        """Visit the first `limit` entries of [lower, upper), without the GIL. WiredTiger rewrites their pages."""
    def scan(self, table: int, lower: bytes, upper: bytes | None, reverse: bool = False) -> Cursor:
        """Return a scan of [lower, upper) in key order or in reverse order.

        If `upper` is None, the range extends to the end of the table.
        """
    def drop_ident(self, table: int, ident: int) -> None:
        """Drop an ident if this transaction commits; its entries are removed later."""
    def restore_value(self, table: int, key: bytes, value: bytes | None, counted: bool = False) -> int:
        """Write a key's value, or remove the key if the value is None, without an undo record."""
