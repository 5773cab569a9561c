"""Owners of WiredTiger's handles."""

class Connection:
    """An open WiredTiger database."""

    in_memory: bool
    def __init__(self, home: bytes, config: bytes, in_memory: bool, change_limit: int = 0) -> None: ...
    def reconfigure(self, config: bytes) -> None:
        """Changes settings of the open database."""
    def statistics(self) -> dict[str, int]:
        """Return WiredTiger's statistics of the whole database by their descriptions; counters are 0."""
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
