"""The archive of a storage directory: a `.tar.gz` file with a checksum at its end (see `sealed`).

The archive's last member, `manifest.json`, lists all other members with their checksums.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Final

from secantus_server.backup.manifest import DAMAGED, NAME, ArchivedFile, Manifest, Progress
from secantus_server.backup.sealed import CHUNK, SealedWriter, check_is_new, check_seal
from secantus_server.errors import CommandError
from secantus_server.storage.hot_backup import BackupFile

SUFFIXES: Final = (".tar.gz", ".tgz")


def check_archive_name(path: Path) -> None:
    """Check the file name of a new archive.

    Raises:
        CommandError: 2 if the suffix is wrong or the file exists.
    """
    if not path.name.endswith(SUFFIXES):
        raise CommandError(2, f"The archive's name must end in {' or '.join(SUFFIXES)}: {path}")
    check_is_new(path)


def write_archive(
    path: Path, files: Iterable[BackupFile], describe: Callable[[tuple[ArchivedFile, ...]], Manifest], progress: Progress
) -> Manifest:
    """Write an archive. Until it is complete, the file has a temporary name.

    Arguments:
        path: the archive's file name.
        files: the files to copy.
        describe: returns the manifest for the given archived files.
        progress: see `Progress`.

    Raises:
        CommandError: 2 if the archive cannot be created, 14031 if the disk is full.
    """
    with SealedWriter(path) as writer, tarfile.open(fileobj=writer.stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        try:
            manifest = describe(tuple(_add_file(archive, file, progress) for file in files))
            text = manifest.encode()
            archive.addfile(_member(NAME, len(text)), io.BytesIO(text))
        except OSError as error:
            raise CommandError(14031, f"The archive {path} cannot be written: {error.strerror}.") from error
    return manifest


def _add_file(archive: tarfile.TarFile, file: BackupFile, progress: Progress) -> ArchivedFile:
    with file.path.open("rb") as content:
        reader = _Reader(content, file.size, progress)
        archive.addfile(_member(file.name, file.size), reader)
    return ArchivedFile(file.name, file.size, reader.digest.hexdigest())


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


class _Reader:
    """Reads a limited number of bytes from a file and computes their checksum."""

    def __init__(self, file: IO[bytes], size: int, progress: Progress) -> None:
        self._file = file
        self._left = size
        self._progress = progress
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        self.digest.update(data)
        self._progress(len(data))
        return data


def verify_archive(path: Path, progress: Progress) -> Manifest:
    """Verify the checksums of an archive, and return its manifest.

    Raises:
        CommandError: 301 if the archive is damaged, 2 if it cannot be read or was written by a later version.
    """
    check_seal(path)
    found: dict[str, ArchivedFile] = {}
    manifest: Manifest | None = None
    for member, content in _members(path):
        if member.name == NAME:
            manifest = Manifest.decode(content.read())
        else:
            reader = _Reader(content, member.size, progress)
            while reader.read(CHUNK):
                pass
            found[member.name] = ArchivedFile(member.name, member.size, reader.digest.hexdigest())
    if manifest is None or found != {file.name: file for file in manifest.files}:
        raise CommandError(DAMAGED, f"The archive {path} is damaged: a file's checksum is not that of the manifest.")
    return manifest


def unpack_archive(path: Path, target: Path, progress: Progress) -> None:
    """Write the files of a verified archive to a directory.

    Raises:
        CommandError: 301 if the archive is damaged.
    """
    for member, content in _members(path):
        if member.name != NAME:
            with (target / member.name).open("xb") as file:
                reader = _Reader(content, member.size, progress)
                while data := reader.read(CHUNK):
                    file.write(data)


def _members(path: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Yield the archive's members with their contents. Each member must be a plain file whose name contains no directory."""
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                content: Any = archive.extractfile(member) if member.isreg() else None
                if content is None or Path(member.name).name != member.name:
                    raise CommandError(DAMAGED, f"The archive {path} contains {member.name!r}, which is no file of a backup.")
                yield member, content
    except (tarfile.TarError, EOFError, OSError) as error:
        raise CommandError(DAMAGED, f"The archive {path} is damaged: {error}.") from error
