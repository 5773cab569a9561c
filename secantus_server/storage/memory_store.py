"""Opening of WiredTiger in memory: at once, or in another thread while the rest of a server is imported."""

from __future__ import annotations

import secrets

from secantus_server.errors import CommandError
from secantus_server.storage import configuration
from secantus_server.storage.errors import StorageError
from secantus_server.storage.wiredtiger._binding import Connection, Session
from secantus_server.system._threads import Thread


def connect_memory(size_mb: int, session_max: int) -> Connection:
    """Open WiredTiger in memory, and create the tables.

    Arguments:
        size_mb: the capacity.
        session_max: the maximum number of sessions.

    Raises:
        StorageError: if WiredTiger cannot be opened.
    """
    # The name only needs to be unique, because WiredTiger opens each name only once per process.
    name = f"{configuration.MEMORY_PATH}{secrets.token_hex(8)}".encode()
    connection = Connection(name, configuration.memory_config(size_mb, session_max), True)
    create_tables(connection)
    return connection


def create_tables(connection: Connection) -> None:
    """Create the missing tables of a store in memory or in a directory.

    Raises:
        StorageError: if WiredTiger refuses.
    """
    session = Session(connection)
    session.create_tables(configuration.table_configs(connection.in_memory))
    session.close()


class EarlyStore:
    """An in-memory store that another thread opens, for `Engine.open`. WiredTiger does not need the GIL for this.

    Arguments:
        cache_size_mb, session_max: as in `Engine.open`.

    Threads: `_open` runs in the thread, and `take` waits for its end.
    """

    def __init__(self, cache_size_mb: int | None = None, session_max: int = configuration.SESSION_MAX) -> None:
        self._size = configuration.memory_size_mb(cache_size_mb), session_max
        self._connection: Connection | None = None
        self._thread = Thread(self._open, (), "secantus-open")
        self._thread.start()

    def _open(self) -> None:
        try:
            self._connection = connect_memory(*self._size)
        except (StorageError, CommandError):
            # The engine opens a store itself if it does not get one, and reports the error.
            return

    def take(self, size_mb: int, session_max: int) -> Connection | None:
        """Return the open store; None if it has another size, could not be opened, or was taken before. A store that is not taken is
        closed with its last reference.
        """
        self._thread.join()
        connection, self._connection = self._connection, None
        return connection if self._size == (size_mb, session_max) else None
