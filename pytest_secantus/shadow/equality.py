"""The comparison of two answers, disregarding ids and times that each server generated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson import encode
from secantus_server.bson.values import MISSING, Date

#: The maximum time between our reading of a clock and the server's reading.
_TOLERANCE_MS: Final = 250
#: A command that contains one of these may produce a date from the server's clock.
_SOURCES: Final = (b"$currentDate\x00", b"NOW", b"CLUSTER_TIME")


class Mismatch(NamedTuple):
    """The first place where two answers differ: its path, and the two values; MISSING stands for a missing value."""

    path: str
    ours: Any
    theirs: Any


class Aside:
    """The ids and times that the two servers generated during one test.

    Arguments:
        contents: returns the documents that both servers had at the test's beginning.
    """

    def __init__(self, contents: Callable[[], Iterator[bytes]]) -> None:
        self._contents = contents
        self._sent: list[bytes] = []
        self._ids: dict[ObjectId, ObjectId] = {}
        self._theirs: dict[ObjectId, ObjectId] = {}
        self._has_time = False
        self._least_ms = self._most_ms = 0

    def note_command(self, command: bytes) -> None:
        """Record a command: the ids in it come from the client, and it may use the server's time."""
        self._sent.append(command)
        self._has_time = self._has_time or any(source in command for source in _SOURCES)

    def note_delay(self, least_ms: int, most_ms: int) -> None:
        """Record how much later a command ran on the shadow than on our server, by the servers' clocks."""
        first = not self._least_ms and not self._most_ms
        self._least_ms = least_ms if first else min(self._least_ms, least_ms)
        self._most_ms = most_ms if first else max(self._most_ms, most_ms)

    def note_id(self, ours: ObjectId, theirs: ObjectId) -> None:
        """Record that an id of the shadow corresponds to one of ours."""
        self._ids[ours], self._theirs[theirs] = theirs, ours

    def for_shadow(self, command: bytes) -> bytes:
        """Replace our ids in a command by the shadow's, both as values and within texts."""
        return _replaced(command, self._ids)

    def from_shadow(self, reply: bytes) -> bytes:
        """Replace the shadow's ids in a reply by ours."""
        return _replaced(reply, self._theirs)

    def is_id_of_server(self, ours: ObjectId, theirs: ObjectId) -> bool:
        """Return whether two ids may correspond: neither comes from the client or already has a counterpart."""
        if ours in self._ids or theirs in self._theirs:
            return False
        return not any(one.binary in data for one in (ours, theirs) for data in self._known())

    def is_time_of_server(self, ours: Date, theirs: Date) -> bool:
        """Return whether two dates come from the servers' clocks: they must differ by as much as the times at which the commands ran."""
        if not self._has_time or not self._least_ms - _TOLERANCE_MS <= theirs.ms - ours.ms <= self._most_ms + _TOLERANCE_MS:
            return False
        value = encode({"": ours})[6:-1]
        return not any(b"\x09" in data and value in data for data in self._known())

    def is_timestamp_of_server(self, ours: Timestamp, theirs: Timestamp) -> bool:
        """Return whether two timestamps come from the servers' clocks, to the second."""
        apart_ms = (theirs.time - ours.time) * 1000
        return self._least_ms - 1000 - _TOLERANCE_MS <= apart_ms <= self._most_ms + 1000 + _TOLERANCE_MS

    def _known(self) -> Iterator[bytes]:
        yield from self._sent
        yield from self._contents()


def _replaced(data: bytes, ids: dict[ObjectId, ObjectId]) -> bytes:
    for old, new in ids.items():
        data = data.replace(old.binary, new.binary)
        data = data.replace(str(old).encode(), str(new).encode())
    return data


class Comparison:
    """A comparison of values. Only `accept` records the ids that were matched with each other.

    Arguments:
        aside: the ids and times that are known so far.
        loose_arrays: compare arrays without their order, because the command has an operator whose arrays are unordered.
    """

    def __init__(self, aside: Aside, loose_arrays: bool = False) -> None:
        self._aside = aside
        self._loose_arrays = loose_arrays
        self._ids: dict[ObjectId, ObjectId] = {}

    def accept(self) -> None:
        """Record the ids that were matched with each other."""
        for ours, theirs in self._ids.items():
            self._aside.note_id(ours, theirs)

    def mismatch(self, ours: Any, theirs: Any, path: str) -> Mismatch | None:
        """Return the first difference of two values, or None."""
        if type(ours) is not type(theirs):
            return Mismatch(path, ours, theirs)
        if type(ours) is dict:
            return self._of_documents(ours, theirs, path)
        if type(ours) is list:
            return self._of_arrays(ours, theirs, path)
        return None if self._are_same(ours, theirs) else Mismatch(path, ours, theirs)

    def _of_documents(self, ours: dict[str, Any], theirs: dict[str, Any], path: str) -> Mismatch | None:
        for name in [*ours, *(name for name in theirs if name not in ours)]:
            inner = f"{path}.{name}" if path else name
            if name not in ours or name not in theirs:
                return Mismatch(inner, ours.get(name, MISSING), theirs.get(name, MISSING))
            if (found := self.mismatch(ours[name], theirs[name], inner)) is not None:
                return found
        if list(ours) != list(theirs):
            return Mismatch(f"{path} (the order of its fields)", list(ours), list(theirs))
        return None

    def _of_arrays(self, ours: list[Any], theirs: list[Any], path: str) -> Mismatch | None:
        if self._loose_arrays and len(ours) == len(theirs):
            left = list(theirs)
            for one in ours:
                place = next((n for n, other in enumerate(left) if self.mismatch(one, other, "") is None), None)
                if place is None:
                    return Mismatch(path, ours, theirs)
                del left[place]
            return None
        for index in range(max(len(ours), len(theirs))):
            inner = f"{path}[{index}]"
            if index >= len(ours) or index >= len(theirs):
                return Mismatch(inner, *(one[index] if index < len(one) else MISSING for one in (ours, theirs)))
            if (found := self.mismatch(ours[index], theirs[index], inner)) is not None:
                return found
        return None

    def _are_same(self, ours: Any, theirs: Any) -> bool:
        kind = type(ours)
        if kind is float:
            return bool(ours == theirs or (ours != ours and theirs != theirs))
        if ours == theirs:
            return True
        if kind is ObjectId:
            return self._are_ids_of_servers(ours, theirs)
        if kind is Date:
            return self._aside.is_time_of_server(ours, theirs)
        if kind is Timestamp:
            return self._aside.is_timestamp_of_server(ours, theirs)
        # Values of types without their own `==`, such as regular expressions, are compared as BSON.
        return encode({"": ours}) == encode({"": theirs})

    def _are_ids_of_servers(self, ours: ObjectId, theirs: ObjectId) -> bool:
        if ours in self._ids or theirs in self._ids.values():
            return self._ids.get(ours) == theirs
        if not self._aside.is_id_of_server(ours, theirs):
            return False
        self._ids[ours] = theirs
        return True
