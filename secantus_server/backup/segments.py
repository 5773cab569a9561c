"""The oplog archive: a directory of segments, which are sealed gzip files of oplog entries.

Applying the entries to a restored backup brings the store to a later time. A segment `oplog-<after>-<last>.bson.gz` contains the entries
after the first timestamp, up to and including the second timestamp. Both are 64-bit numbers in hexadecimal. Consecutive segments
therefore form a chain.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from secantus_server.backup.manifest import DAMAGED
from secantus_server.backup.sealed import SealedWriter, check_seal
from secantus_server.bson.values import stamp_of
from secantus_server.errors import CommandError
from secantus_server.oplog._read import value_of
from secantus_server.oplog.reader import EVERYTHING, Rows
from secantus_server.storage import Engine

_NAME: Final = re.compile(r"oplog-([0-9a-f]{16})-([0-9a-f]{16})\.bson\.gz")
#: The total size of a segment's entries, in bytes, at which a new segment is started.
_SEGMENT_BYTES: Final = 64 * 1024 * 1024
_LENGTH_BYTES: Final = 4


class Segment(NamedTuple):
    """A file of the oplog archive with the entries after the timestamp `after`, up to and including `last` (both 64-bit numbers)."""

    path: Path
    after: int
    last: int


def segments_in(directory: Path) -> list[Segment]:
    """Return the segments of a directory in chronological order."""
    found = []
    for path in directory.glob("oplog-*.bson.gz"):
        match = _NAME.fullmatch(path.name)
        if match is not None:
            found.append(Segment(path, int(match[1], 16), int(match[2], 16)))
    return sorted(found, key=lambda segment: (segment.last, segment.after))


class OplogArchive:
    """Archives the oplog of an open store.

    Arguments:
        engine: the store.
        directory: the archive's directory; created if missing.
        newest: the newest timestamp in the store, as a 64-bit number.
        oldest: the timestamp from which on the oplog is complete; 0 if no entry was ever removed from the oplog.

    Raises:
        CommandError: 2 if the directory cannot be used, or if its entries are newer than the store. In that case the directory is the
            archive of another store.
    """

    def __init__(self, engine: Engine, directory: Path, newest: int, oldest: int) -> None:
        self._engine = engine
        self._directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(2, f"The oplog archive {directory} cannot be created: {error.strerror}.") from error
        segments = segments_in(directory)
        last = segments[-1].last if segments else 0
        if last > newest:
            raise CommandError(
                2,
                f"The oplog archive {directory} contains later entries than the storage directory, which was probably restored from a "
                "backup: choose an empty directory for the archive of the new history.",
            )
        #: The timestamp of the last archived entry, or of the last entry that can no longer be archived.
        self.position = max(last, oldest - 1 if oldest else 0)

    def archive(self) -> None:
        """Archive the entries written since the last call.

        Raises:
            CommandError: 14031 if the disk is full, 2 if a file cannot be written.
        """
        more = True
        while more:
            entries, last, more = self._read()
            if not entries:
                return
            path = self._directory / f"oplog-{self.position:016x}-{last:016x}.bson.gz"
            with SealedWriter(path) as writer:
                for entry in entries:
                    writer.stream.write(entry)
            self.position = last

    def _read(self) -> tuple[list[bytes], int, bool]:
        """Return the next entries to archive, the timestamp of the last entry, and whether more entries may follow."""
        entries: list[bytes] = []
        size, last = 0, self.position
        with self._engine.transaction() as unit:
            rows = Rows(self.position, EVERYTHING).read(unit, lambda: None)
            for row in rows:
                for stamp, entry in row:
                    entries.append(entry)
                    size, last = size + len(entry), stamp
                if size > _SEGMENT_BYTES:
                    rows.close()  # type: ignore[attr-defined]
                    return entries, last, True
        return entries, last, False


def entries_between(directory: Path, after: int) -> Iterator[bytes]:
    """Yield the archived entries that are later than a timestamp.

    Raises:
        CommandError: 301 if a segment is damaged or missing.
    """
    position = after
    for segment in segments_in(directory):
        if segment.last <= position:
            continue
        if segment.after > position:
            raise CommandError(
                DAMAGED,
                f"The oplog archive {directory} has a gap: entries between {describe_stamp(position)} and {describe_stamp(segment.after)} "
                "are missing. Restore to an earlier time, or from a later backup.",
            )
        check_seal(segment.path)
        with gzip.open(segment.path) as content:
            while head := content.read(_LENGTH_BYTES):
                entry = head + content.read(int.from_bytes(head, "little") - _LENGTH_BYTES)
                if stamp_of(value_of(entry, b"ts")) > after:
                    yield entry
        position = segment.last


def describe_stamp(stamp: int) -> str:
    """Return a timestamp as `seconds:increment`, the format of the option --to-timestamp."""
    return f"{stamp >> 32}:{stamp & 0xFFFFFFFF}"
