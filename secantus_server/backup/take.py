"""Takes a backup of an open store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from secantus_server.backup.manifest import ArchivedFile, Manifest, Progress
from secantus_server.clock import Clock
from secantus_server.oplog.oplog import Oplog
from secantus_server.storage import LOGIN_SECRET, META, WITHOUT_USERS, Engine
from secantus_server.storage.hot_backup import HotBackup
from secantus_server.version import MONGODB_8_2

#: The number of times that each byte is processed if users are left out: the files are copied, then their entries, and then the new files
#: are archived.
_PASSES_COPIED: Final = 3


class _UsersCreated(Exception):
    """Signals that the first users were created while the files were being archived, so the archive may contain parts of their data."""


class _Moment(NamedTuple):
    """The point in time of a backup, in milliseconds since the epoch, and the timestamp of the last write before it, as a 64-bit number."""

    now_ms: int
    stamp: int

    def manifest(self, files: tuple[ArchivedFile, ...], with_users: bool) -> Manifest:
        """Return the manifest of the archive."""
        return Manifest(self.now_ms, self.stamp, MONGODB_8_2.version, files, with_users)


@dataclass
class _Backup:
    """A backup that is being taken; see `take_backup` for the arguments."""

    engine: Engine
    oplog: Oplog
    clock: Clock
    path: Path
    progress: Progress
    begin: Callable[[int], object]
    with_users: bool

    def archive_files(self) -> Manifest:
        """Archive the files of the store.

        Raises:
            _UsersCreated: the archive must not contain users, but some were created while the files were copied.
        """
        from secantus_server.backup.archive import write_archive

        with self._opened() as (backup, moment):
            self.begin(sum(file.size for file in backup.files))

            def describe(files: tuple[ArchivedFile, ...]) -> Manifest:
                # The copied files also contain blocks that the backup does not use. A user that was created in the meantime may be in such
                # a block.
                if not self.with_users and has_had_users(self.engine):
                    raise _UsersCreated
                return moment.manifest(files, self.with_users)

            return write_archive(self.path, backup.files, describe, self.progress)

    def archive_copy(self) -> Manifest:
        """Archive a copy of the store without users."""
        from secantus_server.backup.archive import write_archive
        from secantus_server.backup.without_users import copied_without_users

        directory = self.path.with_name(f".{self.path.name}.copying")
        with ExitStack() as stack:
            running = stack.enter_context(ExitStack())
            backup, moment = running.enter_context(self._opened())
            self.begin(_PASSES_COPIED * sum(file.size for file in backup.files))
            rewritten = stack.enter_context(copied_without_users(backup.files, directory, self.progress, running.close))
            files = stack.enter_context(rewritten.backup()).files
            return write_archive(self.path, files, lambda archived: moment.manifest(archived, False), self.progress)

    @contextmanager
    def _opened(self) -> Iterator[tuple[HotBackup, _Moment]]:
        moments: list[_Moment] = []
        with self.engine.backup(lambda: moments.append(_Moment(self.clock.now_ms(), self.oplog.settled_stamp()))) as backup:
            yield backup, moments[0]


def has_had_users(engine: Engine) -> bool:
    """Return whether the store has ever contained users, roles or the login secret. If so, its files may still contain bytes of them."""
    with engine.transaction() as unit:
        return unit.get(META, WITHOUT_USERS) is None or unit.get(META, LOGIN_SECRET) is not None


def take_backup(
    engine: Engine,
    oplog: Oplog,
    clock: Clock,
    path: Path,
    progress: Progress,
    begin: Callable[[int], object] = lambda total: None,
    *,
    with_users: bool = False,
) -> Manifest:
    """Write an archive of the store as of one point in time. The store accepts writes during the backup.

    Arguments:
        path: the archive's file name.
        progress: called after each piece; see `Progress`.
        begin: called with the number of bytes to copy.
        with_users: whether the archive contains users and roles. If not, and if the store has ever contained any, the backup needs
            temporary files next to the archive, twice the size of the store.

    Raises:
        CommandError: 2 if the archive cannot be written, 117 while another backup is running, 238 for an in-memory store.
    """
    # Imported here and above, not at the top, because importing tarfile and gzip takes milliseconds, and few of the servers that import
    # this module take backups.
    from secantus_server.backup.archive import check_archive_name

    check_archive_name(path)
    backup = _Backup(engine, oplog, clock, path, progress, begin, with_users)
    if with_users or not has_had_users(engine):
        try:
            return backup.archive_files()
        except _UsersCreated:
            pass
    return backup.archive_copy()
