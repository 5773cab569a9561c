"""The manifest of a backup archive: what it contains, with checksums."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from secantus_server.errors import CommandError

NAME: Final = "manifest.json"
FORMAT: Final = 1
DAMAGED: Final = 301

#: Called with the size in bytes of each piece that was processed. It may raise to stop the work.
Progress = Callable[[int], object]


@dataclass(frozen=True)
class ArchivedFile:
    """A file of the archive, with its size in bytes and the SHA-256 checksum of its contents in hexadecimal."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The description of an archive's contents.

    Arguments:
        created_ms: the time at which the backup was taken, in milliseconds since the epoch.
        stamp: the timestamp of the last oplog entry that the backup contains, as a 64-bit number.
        version: the version of the server that wrote the archive.
        files: the files of the storage directory.
        includes_users: whether the archive contains the users and roles.
    """

    created_ms: int
    stamp: int
    version: str
    files: tuple[ArchivedFile, ...]
    includes_users: bool

    def encode(self) -> bytes:
        """Return the manifest as JSON."""
        document = {
            "format": FORMAT,
            "server": self.version,
            "createdMillis": self.created_ms,
            "timestamp": {"t": self.stamp >> 32, "i": self.stamp & 0xFFFFFFFF},
            "includesUsers": self.includes_users,
            "files": [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in self.files],
        }
        return json.dumps(document, indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, text: bytes) -> Manifest:
        """Parse a manifest from its JSON form.

        Raises:
            CommandError: 301 if the text is not a manifest, 2 if it was written by a later version.
        """
        try:
            document: dict[str, Any] = json.loads(text)
            if document["format"] != FORMAT:
                raise CommandError(2, f"The archive has format {document['format']}: restore it with the version that wrote it, "
                                      f"{document['server']}.")  # fmt: skip
            files = tuple(ArchivedFile(str(file["name"]), int(file["size"]), str(file["sha256"])) for file in document["files"])
            stamp = document["timestamp"]["t"] << 32 | document["timestamp"]["i"]
            # Versions before this field was introduced always included the users.
            includes_users = bool(document.get("includesUsers", True))
            return cls(int(document["createdMillis"]), stamp, str(document["server"]), files, includes_users)
        except (ValueError, KeyError, TypeError) as error:
            raise CommandError(DAMAGED, "The archive's manifest cannot be read.") from error
