"""The recovery unit: one session with at most one transaction, through which everything is read and written."""

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
    """Engine.acquire() makes it, or takes it from the pool; see the package's page for its use."""

    thread: int
    @property
    def is_large(self) -> bool:
        """Whether so much is written that a statement which can be split should go on in another transaction."""
    def __new__(
        cls, connection: Connection, gate: Gate, undo: UndoLog, sync_on_commit: bool, on_drop: Callable[[IdentRange], None]
    ) -> Self: ...
    def begin(self) -> None:
        """Begins a transaction; waits while somebody has the store for himself."""
    def commit(self) -> None:
        """Commits. Raises WriteConflict, or what else the store reports; nothing has been written then."""
    def rollback(self) -> None:
        """Undoes what the transaction wrote and ends it."""
    def get(self, table: int, key: bytes) -> bytes | None:
        """The value of a key, or None."""
    def put(self, table: int, key: bytes, value: bytes, known_absent: bool = False) -> None:
        """Writes a value whether or not the key exists."""
    def insert(self, table: int, key: bytes, value: bytes) -> bool:
        """Writes a value unless the key exists; tells whether it did write."""
    def remove(self, table: int, key: bytes) -> bool:
        """Removes a key; tells whether there was one."""
    def truncate(self, table: int, lower: bytes, upper: bytes | None) -> int:
        """Removes the keys of [lower, upper) and returns how many they were."""
    def purge(self, table: int, lower: bytes, upper: bytes | None, limit: int) -> int:
        """Removes at most `limit` keys of [lower, upper), without the GIL and past the snapshots; returns how many it removed."""
    def rewrite_left_pages(self) -> None:
        """From now on each page that this unit leaves is rewritten without the keys removed from it; for sweep()."""
    def sweep(self, table: int, lower: bytes, upper: bytes | None, limit: int) -> tuple[bytes | None, int]:
        """Walks over [lower, upper), or its first `limit` entries; returns the last key, None at the end, and the bytes met."""
    def scan(self, table: int, lower: bytes, upper: bytes | None, reverse: bool = False) -> Cursor:
        """The entries of [lower, upper) in key order, or in reverse; `upper` None is the table's end."""
    def drop_ident(self, table: int, ident: int) -> None:
        """Gives up an ident when, and if, this transaction commits: its entries are removed later."""
    def restore_value(self, table: int, key: bytes, value: bytes | None, counted: bool = False) -> int:
        """Writes a key's value, or removes it for None, without noting the change for a snapshot."""
