"""Owners of WiredTiger's handles, and a reader of its log."""

from collections.abc import Callable
from mmap import mmap

Buffer = bytes | bytearray | memoryview | mmap

def log_records_end(data: Buffer, position: int) -> int:
    """Where the log records end that begin at a position of a log file: at the file's end, or where no record is whole."""

def has_log_record(data: Buffer, position: int) -> bool:
    """Whether a whole log record begins at any unit from a position on."""

class Connection:
    """An open WiredTiger database."""

    in_memory: bool
    was_full: bool
    def __init__(self, home: bytes, config: bytes, in_memory: bool, change_limit: int = 0) -> None: ...
    def reconfigure(self, config: bytes) -> None:
        """Changes settings of the open database."""
    def statistics(self) -> dict[str, int]:
        """Return WiredTiger's statistics of the whole database by their descriptions; counters are 0."""
    @property
    def cache_bytes(self) -> int:
        """The bytes in WiredTiger's cache."""
    def log_end(self) -> int:
        """Where the log's last record ends: the number of its file in the upper half, the offset in the lower."""
    def describe_idents(self, describe: Callable[[int, int], str]) -> None:
        """Sets what says which collection or index an ident of a table stands for, for errors."""
    def keep_log_marks(self, marks: Buffer) -> None:
        """Notes in this memory how far the log reaches: its end twice, and the end of what is on the disk twice."""
    def retire(self) -> None:
        """No session touches the database from here on, so that close() may run in another thread."""
    def abandon(self) -> None:
        """Leaves the database to the process that opened it: this one is a fork's child, without the threads that serve it."""
    def close(self) -> None:
        """Closes the database; its sessions end with it. A second call does nothing."""

class Session:
    """One WiredTiger session, its transaction, and its cursors."""

    connection: Connection
    in_transaction: bool
    def __init__(self, connection: Connection) -> None: ...
    def close(self) -> None:
        """Ends the session and rolls back what is open in it. A second call does nothing."""
    def create_tables(self, configs: list[bytes]) -> None:
        """Creates the tables that do not exist yet; `configs` has the settings of each."""
    def checkpoint(self) -> None:
        """Writes a checkpoint, without the GIL."""
    def flush_log(self) -> None:
        """Waits, without the GIL, until the log is on the disk; callers at the same time share one fsync."""
