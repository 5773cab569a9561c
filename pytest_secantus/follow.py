"""The option ``secantus_clock = follow``: the server's clock follows time-machine and freezegun.

Once the suite has imported one of these libraries, this module wraps the functions by which the library starts, moves and ends the test's
time. After each call, it reads the library's time and moves the server's clock. This also works for a server in a child process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timezone
from functools import wraps
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from pytest_secantus.errors import ServerDied
from pytest_secantus.imports import when_imported

if TYPE_CHECKING:
    from pytest_secantus.clock import TimedServer

#: A library's time in milliseconds since the Unix epoch, and whether the clock runs.
Time = tuple[int, bool]
#: The functions that change the time, by module and class. A class that the installed version lacks is skipped.
CHANGES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "time_machine": {"travel": ("start", "stop"), "Traveller": ("shift", "move_to"), "Coordinates": ("shift", "move_to")},
    "freezegun.api": {
        "_freeze_time": ("start", "stop"),
        "FrozenDateTimeFactory": ("tick", "move_to"),
        "TickingDateTimeFactory": ("tick", "move_to"),
        "StepTickTimeFactory": ("move_to",),
    },
}


class Follower:
    """Moves a server's clock whenever a library moves the test's time.

    Arguments:
        server: returns the server, or None if none is running.
    """

    def __init__(self, server: Callable[[], TimedServer | None]) -> None:
        self._server = server
        self._followed: Time | None = None

    @contextmanager
    def following(self) -> Iterator[None]:
        """Follow time-machine and freezegun within the block, each from the moment of its import."""
        with ExitStack() as stack:
            for name in CHANGES:
                stack.enter_context(when_imported(name, lambda name=name: self._wrap(sys.modules[name], stack)))  # type: ignore[misc]
            yield

    def follow(self) -> None:
        """Move the server's clock to the time of the active library; if none is active, restore the clock."""
        server, time = self._server(), library_time()
        if server is None:
            return
        with suppress(ServerDied):  # reported at the end of the test
            if time is not None:
                server.move_clock(time[0], runs=time[1])
            elif self._followed is not None:
                server.restore_clock()
        self._followed = time

    def _wrap(self, module: ModuleType, stack: ExitStack) -> None:
        for class_name, names in CHANGES[module.__name__].items():
            changed = getattr(module, class_name, None)
            for name in names if changed is not None else ():
                original = getattr(changed, name)
                setattr(changed, name, self._followed_by(original))
                stack.callback(setattr, changed, name, original)

    def _followed_by(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def changed(*args: Any, **kwargs: Any) -> Any:
            try:
                return original(*args, **kwargs)
            finally:
                self.follow()

        return changed


def library_time() -> Time | None:
    """Return the time of the library that has stopped or moved the test's time, or None if no library has done so."""
    freezegun, time_machine = sys.modules.get("freezegun.api"), sys.modules.get("time_machine")
    factories = getattr(freezegun, "freeze_factories", ())
    if factories:
        return frozen_time(factories[-1])
    travellers = getattr(time_machine, "traveller_stack", None) or getattr(time_machine, "coordinates_stack", ())
    return travelled_time(travellers[-1]) if travellers else None


def frozen_time(factory: Any) -> Time:
    """Return freezegun's time, without calling the factory: a call of a stepping factory would advance its time."""
    runs = hasattr(factory, "start")
    now = factory() if runs else factory.time_to_freeze
    return round(now.replace(tzinfo=timezone.utc).timestamp() * 1000), runs


def travelled_time(traveller: Any) -> Time:
    """Return time-machine's time, without starting it: a time that ticks starts at its first use."""
    runs = getattr(traveller, "_tick", True)
    is_waiting = runs and not getattr(traveller, "_requested", True)
    return (traveller._destination_timestamp_ns if is_waiting else traveller.time_ns()) // 1_000_000, runs
