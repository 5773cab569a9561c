"""The registry of existing fail points, and the fail points that are active on a server.

A fail point is a named place in the server at which a test can inject an error or a delay. While no fail point is active, the check at
such a place is only a lookup in an empty dict, and the fail point interceptors are inactive.

https://github.com/mongodb/specifications/blob/master/source/unified-test-format/unified-test-format.md#failpoint
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from secantus_server.dispatch.operations import Operation
from secantus_server.dispatch.registry import import_all_commands
from secantus_server.errors import CommandError
from secantus_server.records import record
from secantus_server.system._threads import Condition

FAIL_POINT_SET_FAILED = 266

#: A function that validates the data of a fail point and converts it to the form that the code with the fail point needs.
Parser = Callable[[dict[str, Any]], Any]

_PARSERS: dict[str, Parser] = {}
# The fail points that can be set several times at once, under names such as "name/label" with any label. MongoDB has no such fail points.
_REPEATED: set[str] = set()


def fail_point(name: str, *, repeated: bool = False) -> Callable[[Parser], Parser]:
    """Return a decorator that registers a parser for the data of the named fail point.

    The parser receives the document `data`, returns the parsed data, and raises CommandError for invalid data.

    Arguments:
        repeated: whether the fail point can be set several times simultaneously, each time with a different label, as ``name/label``.
    """

    def register(parser: Parser) -> Parser:
        assert name not in _PARSERS, f"the fail point {name} is registered twice"
        _PARSERS[name] = parser
        if repeated:
            _REPEATED.add(name)
        return parser

    return register


def base_name(name: str) -> str:
    """Return a fail point's name without its label, if any. For example, return "name" for "name/label"."""
    base, slash, label = name.partition("/")
    return base if slash and label and base in _REPEATED else name


class InjectedError(CommandError):
    """An error that a fail point injects into a command.

    Arguments:
        labels: the error labels; if None, the server adds its usual labels.
    """

    def __init__(self, code: int, message: str, labels: tuple[str, ...] | None, info: Mapping[str, Any] | None = None) -> None:
        super().__init__(code, message, labels or (), info)
        self.has_own_labels = labels is not None


@record(frozen=True)
class Mode:
    """The mode of a fail point, which determines which entries (executions of its place in the code) trigger the fail point.

    Arguments:
        skip: the number of initial entries to ignore.
        times: the number of entries that trigger the fail point; infinite unless the client sets it.
        probability: the probability that an entry triggers the fail point.
    """

    skip: int = 0
    times: float = math.inf
    probability: float = 1.0


class FailPoint:
    """An active fail point.

    Arguments:
        data: the parsed data from the client.

    Threads: the lock of the registry (`FailPoints`) guards `entered` and `acted`.
    """

    def __init__(self, name: str, mode: Mode, data: Any) -> None:
        self.name = name
        self.mode = mode
        self.data = data
        self.entered = 0
        self.acted = 0

    @property
    def is_used_up(self) -> bool:
        """Return whether the fail point has been triggered as often as its mode allows."""
        return self.acted >= self.mode.times


class FailPoints:
    """The fail points of one server.

    Arguments:
        random: decides whether a fail point with an `activationProbability` is triggered.
        on_change: called after a fail point was set or has ended.

    Threads: `active` is replaced as a whole while `_changed` is locked, and is read without the lock. `_changed` guards everything else.
    `_changed` is notified when a fail point is set, is triggered or ends, when a waiting operation is interrupted, and when the server
    stops.
    """

    def __init__(self, random: Random, on_change: Callable[[], None]) -> None:
        self._random = random
        self._on_change = on_change
        self._changed = Condition()
        self._closed = False
        # How often each fail point has acted since the server started.
        self._counts: dict[str, int] = {}
        #: The fail points that are set, by name.
        self.active: Mapping[str, FailPoint] = {}

    def set(self, name: str, mode: Mode | None, data: dict[str, Any]) -> int:
        """Set a fail point or turn it off, and return how often it has been triggered so far.

        Arguments:
            mode: the mode, or None to turn the fail point off.

        Raises:
            CommandError: 266 FailPointSetFailed for an unknown name; the parser's error for invalid data.
        """
        if base_name(name) not in _PARSERS:
            # Some fail points are registered by the modules of commands.
            import_all_commands()
        parser = _PARSERS.get(base_name(name))
        if parser is None:
            known = ", ".join(sorted(_PARSERS))
            raise CommandError(FAIL_POINT_SET_FAILED, f"{name} not found: the fail points of this server are {known}")
        parsed = parser(data) if mode is not None else None
        with self._changed:
            others = {key: value for key, value in self.active.items() if key != name}
            self.active = others if mode is None else {**others, name: FailPoint(name, mode, parsed)}
            count = self.count(name)
            self._changed.notify_all()
        self._on_change()
        return count

    def count(self, name: str) -> int:
        """Return how often a fail point has been triggered since the server started."""
        return self._counts.get(name, 0)

    def restore(self, before: Mapping[str, FailPoint]) -> None:
        """Replace the active fail points with an earlier set. Omit fail points that have been used up since then.

        Operations that wait at a fail point outside that set resume.

        Arguments:
            before: an earlier value of `active`.
        """
        with self._changed:
            if self.active is before:
                return
            self.active = before if not any(one.is_used_up for one in before.values()) else _remaining(before)
            self._changed.notify_all()
        self._on_change()

    def set_aside(self, before: Mapping[str, FailPoint]) -> dict[str, FailPoint]:
        """Restore an earlier set of fail points as `restore` does, and return the fail points that were set since then."""
        since = {name: one for name, one in self.active.items() if before.get(name) is not one}
        self.restore(before)
        return since

    def enter(self, name: str) -> FailPoint | None:
        """Count an entry of a fail point, if the fail point is set. Return the fail point if this entry triggers it, otherwise None.

        Every call counts as an entry. Therefore call this method only if the fail point's data in `active` applies to the command.
        """
        with self._changed:
            found = self.active.get(name)
            if found is None:
                return None
            found.entered += 1
            mode = found.mode
            if found.entered <= mode.skip or (mode.probability < 1 and self._random.random() >= mode.probability):
                return None
            found.acted += 1
            self._counts[name] = self.count(name) + 1
            if found.is_used_up:
                self.active = _remaining(self.active)
            self._changed.notify_all()
        if found.is_used_up:
            self._on_change()
        return found

    def block(self, operation: Operation, seconds: float) -> None:
        """Block an operation for some seconds.

        The wait ends early if the operation is interrupted or its time limit expires, or if the server stops.

        Raises:
            CommandError: the errors of `Operation.check`.
        """
        self._wait(operation, lambda: False, seconds)

    def hold(self, name: str, operation: Operation) -> None:
        """Enter a fail point. If this entry triggers it, block the operation until the fail point is turned off or set again.

        The wait ends early if the operation is interrupted or its time limit expires, or if the server stops.

        Raises:
            CommandError: the errors of `Operation.check`.
        """
        if (found := self.enter(name)) is not None:
            self._wait(operation, lambda: self.active.get(name) is not found, math.inf)

    def wait_for_entries(self, name: str, count: int, operation: Operation) -> None:
        """Block an operation until a fail point has been triggered `count` times since the server started.

        Raises:
            CommandError: the errors of `Operation.check`, or 266 for an unknown name.
        """
        if base_name(name) not in _PARSERS:
            raise CommandError(FAIL_POINT_SET_FAILED, f"{name} not found")
        self._wait(operation, lambda: self.count(name) >= count, math.inf)

    def close(self) -> None:
        """Wake all waiting operations, and make later waits return immediately."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wait(self, operation: Operation, ended: Callable[[], bool], seconds: float) -> None:
        """Block until `ended` returns True or the time has elapsed. `ended` is called while `_changed` is locked."""
        if operation.deadline is not None:
            # Wait 1 ms beyond the operation's time limit, so that the check below finds it exceeded.
            seconds = min(seconds, operation.seconds_left() + 0.001)
        operation.wake = self._wake
        try:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._closed or operation.killed is not None or ended(), None if seconds == math.inf else seconds
                )
        finally:
            operation.wake = None
        operation.check()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _remaining(points: Mapping[str, FailPoint]) -> dict[str, FailPoint]:
    return {name: one for name, one in points.items() if not one.is_used_up}
