"""Opening of WiredTiger in a directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from secantus_server.errors import CommandError
from secantus_server.storage import configuration
from secantus_server.storage.errors import CheckpointRefused, StorageError
from secantus_server.storage.wiredtiger._binding import Connection


def connect(directory: Path, cache_size_mb: int | None, session_max: int, *, exists: bool) -> Connection:
    """Open WiredTiger in a directory. Create its files if the directory contains no store.

    Arguments:
        cache_size_mb, session_max: as in `Engine.open`.
        exists: whether the directory contains a store.

    Raises:
        StorageError: if the files cannot be read or created.
    """
    try:
        limit = configuration.change_limit(cache_size_mb)
        return Connection(bytes(directory), configuration.path_config(cache_size_mb, session_max), False, limit)
    except StorageError as error:
        if exists and error.code == 1:
            raise StorageError(
                f"The storage directory {directory} cannot be read: a file of the storage engine is damaged, or was written by another "
                f"version. Restore the directory from a backup. ({error.message})"
            ) from error
        raise StorageError(f"{error.message} ({directory})", error.code) from error


@contextmanager
def closed_on_error(connection: Connection) -> Iterator[None]:
    """Return a context manager that closes a connection on an error, so that WiredTiger's threads stop writing to the files."""
    try:
        yield
    except CheckpointRefused:
        connection.abandon()
        raise
    except BaseException:
        with suppress(CommandError):
            connection.close()
        raise
