"""A copy of a backup without users and roles. It contains no bytes of their data, except for changes of roles in the oplog.

WiredTiger retains removed and overwritten data in free file space and in its log until the space is reused. The copy is therefore written
row by row into a new store.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, Final

from secantus_server.auth.collections import has_users_or_roles
from secantus_server.backup.manifest import Progress
from secantus_server.backup.reserving import reserved_directory
from secantus_server.catalog.rows import decode_row, split_key
from secantus_server.errors import CommandError
from secantus_server.sessions.retry_rows import is_retry_row
from secantus_server.storage import CATALOG, INDEX_ENTRIES, LOGIN_SECRET, META, RECORDS, Engine
from secantus_server.storage.hot_backup import BackupFile
from secantus_server.storage.rewriting import rewrite_store

_CHUNK: Final = 1 << 20
#: The cache size of each of the two stores. A small cache suffices, because both are processed sequentially.
_CACHE_MB: Final = 64


@contextmanager
def copied_without_users(files: Iterable[BackupFile], directory: Path, progress: Progress, done: Callable[[], object]) -> Iterator[Engine]:
    """Context manager: provide a temporary new store with the contents of a backup, without users and roles.

    Arguments:
        files: the files of the backup.
        directory: a directory for temporary files. If it exists because a killed process left it behind, it is replaced.
        progress: called with the size of each piece that is copied.
        done: called when the files are no longer needed.

    Raises:
        CommandError: 2 if the directory cannot be created, 117 if another backup uses it, 14031 if the disk is full.
    """
    copy, rewritten = directory / "copy", directory / "rewritten"
    with ExitStack() as stack:
        try:
            stack.enter_context(reserved_directory(directory))
            copy.mkdir()
        except OSError as error:
            raise CommandError(2, f"The directory {directory} cannot be written: {error.strerror}.") from error
        _copy_files(files, directory, copy, progress)
        done()
        with closing(Engine.open(str(rewritten), cache_size_mb=_CACHE_MB)) as target:
            with closing(Engine.open(str(copy), cache_size_mb=_CACHE_MB)) as source:
                _drop_users(source)
                rewrite_store(source, target, _is_copied, progress)
            shutil.rmtree(copy)
            yield target


def _copy_files(files: Iterable[BackupFile], directory: Path, copy: Path, progress: Progress) -> None:
    try:
        for file in files:
            with file.path.open("rb") as source, (copy / file.name).open("xb") as target:
                _copy_bytes(source, target, file.size, progress)
    except OSError as error:
        raise CommandError(14031, f"The temporary files in {directory} cannot be written: {error.strerror}.") from error


def _copy_bytes(source: IO[bytes], target: IO[bytes], size: int, progress: Progress) -> None:
    while size > 0 and (data := source.read(min(size, _CHUNK))):
        target.write(data)
        size -= len(data)
        progress(len(data))


def _drop_users(store: Engine) -> None:
    """Drop the collections that contain users and roles."""
    with store.transaction() as unit:
        rows = [(key, row) for key, row in unit.scan(CATALOG, b"", None) if has_users_or_roles(*split_key(key))]
        for key, row in rows:
            collection = decode_row(key, row)
            unit.remove(CATALOG, key)
            unit.drop_ident(RECORDS, collection.ident)
            for index in collection.indexes:
                unit.drop_ident(INDEX_ENTRIES, index.ident)


def _is_copied(table: int, key: bytes) -> bool:
    """Return whether to copy a row.

    The login secret is not copied. Results of retryable writes are not copied either, because a result of findAndModify may contain a
    user.
    """
    return table != META or not (key == LOGIN_SECRET or is_retry_row(key))
