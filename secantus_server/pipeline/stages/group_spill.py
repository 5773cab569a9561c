"""Groups that exceed the memory limit of `$group`. They are divided by the hash of their keys, and some partitions are moved to files.

When the groups in memory exceed the limit, the states of the largest partitions are written to a file, and later documents of these
partitions are written without being added to states. After the end of the input, the rows of each partition are read in their order, so
each state continues where it stopped. A partition that exceeds the limit again is divided in the same way.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from io import BytesIO
from operator import itemgetter
from typing import Any

from secantus_server.bson.values import MISSING, UNDEFINED
from secantus_server.exec._rows import ROW_COST
from secantus_server.exec.spilling import BLOCK_BYTES, Blocks, Row, Spill, bytes_of, gather_rows, sort_spilling
from secantus_server.mql.accumulators._states import Meter
from secantus_server.mql.accumulators.javascript import Scripts
from secantus_server.mql.collation import Collation
from secantus_server.mql.expressions import Expression
from secantus_server.mql.sort import SortPattern
from secantus_server.pipeline.stages._group import Grouper

# The parts of a state that belong to the parsed pipeline. They remain in memory, and a saved state refers to them.
_PARSED = (Expression, SortPattern, Collation, Scripts, type(MISSING), type(UNDEFINED), Meter)


class Saver:
    """The states of a `$group` as bytes, and back.

    Arguments:
        spill: the memory limit and the files.
    """

    def __init__(self, spill: Spill) -> None:
        self._spill = spill
        self.max_bytes = spill.max_bytes
        self._parsed: list[Any] = []
        self._numbers: dict[int, int] = {}

    def partitions(self) -> Partitions:
        """Return empty partitions."""
        return Partitions(self._spill, self)

    def save(self, group: Any) -> bytes:
        """Return a group as bytes."""
        target = BytesIO()
        pickler = pickle.Pickler(target, pickle.HIGHEST_PROTOCOL)
        pickler.persistent_id = self._number  # type: ignore[method-assign]
        pickler.dump(group)
        return target.getvalue()

    def restore(self, saved: bytes) -> Any:
        """Return a saved group."""
        # The bytes come from a file without a name, which only this process can have written.
        unpickler = pickle.Unpickler(BytesIO(saved))
        unpickler.persistent_load = self._parsed.__getitem__  # type: ignore[method-assign]
        return unpickler.load()

    def _number(self, part: Any) -> int | None:
        if not isinstance(part, _PARSED):
            return None
        number = self._numbers.setdefault(id(part), len(self._parsed))
        if number == len(self._parsed):
            self._parsed.append(part)
        return number


class Partitions:
    """The partitions of groups that are in a file. The rows of each are read in the order in which they were written.

    Arguments:
        spill: the memory limit and the files.
        saver: saves groups.
    """

    def __init__(self, spill: Spill, saver: Saver) -> None:
        self._spill = spill
        self._saver = saver
        self._file = Blocks(spill)
        self._blocks: dict[int, list[tuple[int, int]]] = {}
        # The last rows of each partition, which are not in the file yet, and their size.
        self._rows: dict[int, list[Row]] = {}
        self._sizes: dict[int, int] = {}

    def begin(self) -> None:
        """Count another time that the groups have exceeded the limit."""
        self._spill.note(1, 0, 0, 0)

    def put(self, number: int, values: bytes, document: bytes, sequence: int) -> None:
        """Write a document to a partition.

        Arguments:
            values: a document of the values that are known.
            sequence: the position of the document in the input.
        """
        size = self._sizes.get(number, 0) + len(values) + len(document) + ROW_COST
        self._rows.setdefault(number, []).append((values, document, sequence))
        self._sizes[number] = size
        if size > BLOCK_BYTES:
            self._write(number)

    def keep(self, number: int, key: Any, value: Any, states: list[Any], sequence: int) -> None:
        """Write a group to a partition."""
        self.put(number, self._saver.save((key, value, states)), b"", sequence)

    def numbers(self) -> list[int]:
        """Return the numbers of the partitions that have rows."""
        return sorted(self._blocks.keys() | self._rows.keys())

    def rows(self, number: int) -> Iterator[Row]:
        """Return the rows of a partition."""
        self._write(number)
        return self._file.read(self._blocks.pop(number))

    def _write(self, number: int) -> None:
        rows = self._rows.pop(number, [])
        written = self._file.write(rows)
        self._blocks.setdefault(number, []).extend(written)
        self._sizes[number] = 0
        self._spill.note(0, bytes_of(rows), len(rows), sum(size for _, size in written))


def spilled_results(grouper: Grouper, spill: Spill, document_of: Callable[[Any, list[Any]], bytes]) -> Iterator[bytes]:
    """Return the documents of all groups, in the order in which the groups appeared, which is that of groups in memory.

    Arguments:
        grouper: the groups in memory, and those in files.
        spill: the memory limit and the files.
        document_of: returns the document of a group, given its key and its states.
    """
    rows = _results(grouper, document_of)
    # The documents need memory while the groups of a partition do. They do not count as spills of the stage.
    order = Spill("groupResults", spill.max_bytes // 4, spill.files, spill.check)
    return map(itemgetter(1), sort_spilling(order, 0, lambda found, room: gather_rows(rows, found, room)))


def _results(grouper: Grouper, document_of: Callable[[Any, list[Any]], bytes]) -> Iterator[Row]:
    groups, partitions = grouper.groups, grouper.partitions
    while groups:
        value, states, sequence = groups.popitem()[1]
        yield sequence.to_bytes(8, "big"), document_of(value, states), 0
    for number in () if partitions is None else partitions.numbers():
        inner = grouper.deeper()
        for saved, document, sequence in partitions.rows(number):
            inner.replay(saved, document, sequence)
        yield from _results(inner, document_of)
