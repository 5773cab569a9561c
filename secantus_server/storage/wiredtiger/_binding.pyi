"""The classes that own WiredTiger's handles: Connection, and Session with its cursors."""

from collections.abc import Callable
from mmap import mmap

from typing_extensions import Self

_Buffer = bytes | bytearray | memoryview | mmap

def log_records_end(data: _Buffer, position: int) -> int:
    """Return the end of the sequence of whole log records that starts at a position of a log file."""

def has_log_record(data: _Buffer, position: int) -> bool:
    """Return whether a whole log record begins at or after a position, at any unit. The record may be contained in an earlier record."""

class Connection:
    """An open WiredTiger database."""

    in_memory: bool
    was_full: bool
    def __new__(cls, home: bytes, config: bytes, in_memory: bool, change_limit: int = 0) -> Self: ...
    def reconfigure(self, config: bytes) -> None:
        """Change settings of the open database."""
    def statistics(self) -> dict[str, int]:
        """Return WiredTiger's database statistics by description ("cache: bytes currently in the cache")."""
    @property
    def cache_bytes(self) -> int:
        """The number of bytes in WiredTiger's cache."""
    def log_end(self) -> int:
        """Return the end of the log's last record: the file number in the upper half, the offset in the lower."""
    def describe_idents(self, describe: Callable[[int, int], str]) -> None:
        """Set the function that returns the collection or index name of an ident, for error messages."""
    def keep_log_marks(self, marks: _Buffer) -> None:
        """Record the log's end in the given memory, which has four words of 64 bits."""
    def retire(self) -> None:
        """Stop all use by sessions, so that close() may run in another thread."""
    def abandon(self) -> None:
        """Drop the handle without closing the database. Used in a forked child, which lacks the database's threads."""
    def close(self) -> None:
        """Close the database and its sessions. A second call does nothing."""

class BackupCursor:
    """An open backup cursor. Until it is closed, the last checkpoint is preserved in the listed files."""

    files: list[str]
    def __new__(cls, connection: Connection) -> Self: ...
    def close(self) -> None:
        """End the backup. A second call does nothing."""

class Session:
    """A WiredTiger session with its transaction and its cursors: one overwriting and one inserting cursor per table, and scan cursors."""

    connection: Connection
    in_transaction: bool
    def __new__(cls, connection: Connection) -> Self: ...
    def close(self) -> None:
        """End the session, rolling back an open transaction. A second call does nothing."""
    def create_tables(self, configs: list[bytes]) -> None:
        """Create the missing tables; `configs` contains the settings of each table."""
    def create_table(self, table: int, config: bytes) -> None:
        """Create a table unless it exists."""
    def has_table(self, table: int) -> bool:
        """Return whether the database knows a table, even if its file is missing."""
    def verify_table(self, table: int) -> None:
        """Read and check every block of a table's file. No cursor may be open."""
    def salvage_table(self, table: int) -> None:
        """Rebuild a table's file from its readable blocks. No cursor may be open."""
    def drop_table(self, table: int) -> None:
        """Remove a table, whether or not its file exists. No cursor may be open."""
    def import_table(self, table: int, config: bytes) -> None:
        """Add an existing table file to a database that has no description of the table."""
    def checkpoint(self) -> None:
        """Write a checkpoint, without the GIL."""
    def flush_log(self) -> None:
        """Wait, without the GIL, until the log is on disk. Concurrent callers share one fsync."""
