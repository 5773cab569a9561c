"""A list of documents, of which those that exceed a memory limit are in a temporary file."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from secantus_server.exec.spilling import BLOCK_BYTES, Spill
from secantus_server.storage.temporary import TemporaryFile

# The memory that a document uses in addition to its bytes.
_COST = 100


class DocumentList:
    """Documents by position. The first ones are in memory, up to the limit. The others are in a file, except the last ones.

    Arguments:
        spill: the memory limit and the files, or None to keep all documents in memory.
    """

    def __init__(self, spill: Spill | None) -> None:
        self._spill = spill
        self._memory: list[bytes] = []
        self._left = 0 if spill is None else spill.max_bytes
        self._file: TemporaryFile | None = None
        # The end of each document of the file, and of those that are not written yet.
        self._ends = array("q")
        self._unwritten: list[bytes] = []
        self._unwritten_from = self._unwritten_bytes = 0

    def append(self, document: bytes) -> None:
        """Add a document.

        Raises:
            CommandError: 14031 OutOfDiskSpace if the disk is full.
        """
        if self._file is None:
            self._left -= len(document) + _COST
            if self._spill is None or self._left >= 0:
                self._memory.append(document)
                return
            self._file = self._spill.open()
            self._spill.note(1, 0, 0, 0)
        self._ends.append((self._ends[-1] if self._ends else 0) + len(document))
        self._unwritten.append(document)
        self._unwritten_bytes += len(document)
        if self._unwritten_bytes >= BLOCK_BYTES:
            self._write(self._file)

    def _write(self, file: TemporaryFile) -> None:
        assert self._spill is not None, "only a list with a limit has a file"
        self._spill.check()
        file.append(b"".join(self._unwritten))
        self._spill.note(0, self._unwritten_bytes + _COST * len(self._unwritten), len(self._unwritten), self._unwritten_bytes)
        self._unwritten_from += len(self._unwritten)
        self._unwritten, self._unwritten_bytes = [], 0

    def __len__(self) -> int:
        return len(self._memory) + len(self._ends)

    def __getitem__(self, place: int) -> bytes:
        if place < len(self._memory):
            return self._memory[place]
        place -= len(self._memory)
        if place >= self._unwritten_from:
            return self._unwritten[place - self._unwritten_from]
        assert self._file is not None, "other documents are in the file"
        start = self._ends[place - 1] if place else 0
        return self._file.read(start, self._ends[place] - start)

    def __iter__(self) -> Iterator[bytes]:
        return map(self.__getitem__, range(len(self)))
