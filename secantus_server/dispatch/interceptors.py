"""The interface of interceptors, which run before and after commands, and the list of a server's interceptors.

The package `interceptors` contains the implementations, one per file.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from secantus_server.dispatch._operation import ExpressCall, Lane
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.operations import Operation
from secantus_server.errors import CommandError
from secantus_server.records import Protocol
from secantus_server.system._threads import Lock
from secantus_server.wire.message import Message
from secantus_server.wire.op_query import HELLO_NAMES

if TYPE_CHECKING:
    from secantus_server.dispatch.services import Services

#: A command's reply or its error.
Outcome = dict[str, Any] | CommandError
#: The commands that drivers send on their own: heartbeats, logins and ends of sessions. Logs of what a test sends leave them out.
OF_DRIVERS = HELLO_NAMES | {"saslStart", "saslContinue", "endSessions"}


class Call(Protocol):
    """The interface through which interceptors access a command. `Request` implements it.

    Arguments:
        name: the command's name as the client wrote it.
        body: the command document.
        injected: fields that a fail point adds to the reply or error.
        seconds: the command's working time, without waits for data; set when the command has ended.
        is_slow: whether the command counts as slow; None until `Observer.is_slow` is called.
        is_concealed: whether `operation.body` is a copy of the client's command without its secrets. If so, the command's documents must
            not be logged either.
        settings: the query settings for the command's query shape, or None.
        retried: for a retryable write that was sent again, the ids of the statements that were executed the first time; otherwise None.
        services: the server's services.
    """

    name: str
    db: str
    message: Message
    body: dict[str, Any]
    client: ClientInfo
    operation: Operation
    injected: dict[str, Any] | None
    seconds: float
    is_slow: bool | None
    is_concealed: bool
    retried: dict[int, None] | None
    settings: Any
    services: Services


class Interceptor:
    """The base class of actions that run before or after commands. A subclass overrides the methods that it needs.

    Attributes:
        notes_lookups_of: the names of the commands whose plan notes must include all query plans, even those of point lookups.
    """

    notes_lookups_of: frozenset[str] = frozenset()

    @property
    def is_active(self) -> bool:
        """Return whether dispatch must call the interceptor. When the result changes, a subclass must call `Interceptors.refresh`."""
        return True

    @property
    def threshold_s(self) -> float:
        """Return the minimum duration, in seconds, of the commands for which `after` is called."""
        return -math.inf

    def before(self, call: Call) -> None:
        """Run before a command, after its arguments have been validated.

        Raises:
            CommandError: the interceptor refuses the command. `after` is called nevertheless.
        """

    def after(self, call: Call, outcome: Outcome) -> None:
        """Run after a command has finished.

        Arguments:
            outcome: the command's reply or its error.
        """

    def after_general(
        self,
        call: Call,
        name: str,
        client: ClientInfo,
        operation: Operation,
        body: dict[str, Any],
        raw: bytes | None,
        seconds: float,
        outcome: Outcome,
    ) -> None:
        """Run after a command of the general path, like `after`, but with some attributes of `call` and of its message as arguments.

        Dispatch reads them faster than compiled code does, and this takes a large part of the time that the command log adds to a command.
        """

    def after_express(self, client: ClientInfo, call: ExpressCall) -> None:
        """Run after a command of the express lane (the fast path), which calls neither `before` nor `after`.

        An active interceptor that acts on every command disables the express lane, unless it overrides this method.

        Arguments:
            client: the connection.
        """


def _is_overridden(interceptor: Interceptor, name: str) -> bool:
    return getattr(type(interceptor), name) is not getattr(Interceptor, name)


def _lane(active: list[Interceptor]) -> Lane:
    """Return the properties of the active interceptors on which the express lane depends."""
    others = [one for one in active if not _is_overridden(one, "after_express")]
    late = [one for one in reversed(others) if _is_overridden(one, "after")]
    threshold_s = min((one.threshold_s for one in late), default=math.inf)
    is_open = threshold_s > 0 and not any(_is_overridden(one, "before") for one in others)
    logs = tuple(one.after_express for one in reversed(active) if _is_overridden(one, "after_express"))
    return Lane(is_open, threshold_s, tuple(one.after for one in late), logs)


class Interceptors:
    """The interceptors of one server, in the order of their `before` calls. `after` calls run in reverse order.

    The attributes `before` and `after` contain the bound methods of the active interceptors, and `after` their thresholds as well. For a
    command that is faster than the threshold, dispatch does not call `after`, so an idle interceptor costs nothing. `logs` contains the
    methods `after_general`. `threshold_s` is the lowest threshold. `notes_lookups_of` unites the interceptors' attributes of this name.
    `lane` describes the active interceptors for the express lane (the fast path).

    Threads: the tuples are replaced as a whole, and command threads only read them. `_lock` serializes `refresh`, so that the tuples
    reflect the latest change.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._installed: tuple[Interceptor, ...] = ()
        self.before: tuple[Callable[[Call], None], ...] = ()
        self.after: tuple[tuple[float, Callable[[Call, Outcome], None]], ...] = ()
        self.logs: tuple[Callable[..., None], ...] = ()
        self.threshold_s = math.inf
        self.notes_lookups_of: frozenset[str] = frozenset()
        self.lane = _lane([])

    def install(self, *interceptors: Interceptor, first: bool = False) -> None:
        """Install interceptors after the interceptors that are already installed, or before them if `first` is True."""
        self._installed = interceptors + self._installed if first else self._installed + interceptors
        self.refresh()

    def remove(self, interceptor: Interceptor) -> None:
        """Remove an interceptor. Its `after` may still be called for commands that are already running."""
        self._installed = tuple(one for one in self._installed if one is not interceptor)
        self.refresh()

    def refresh(self) -> None:
        """Recompute which interceptors are active."""
        with self._lock:
            active = [interceptor for interceptor in self._installed if interceptor.is_active]
            self.before = tuple(one.before for one in active if _is_overridden(one, "before"))
            late = [one for one in reversed(active) if _is_overridden(one, "after")]
            self.after = tuple((one.threshold_s, one.after) for one in late)
            self.logs = tuple(one.after_general for one in reversed(active) if _is_overridden(one, "after_general"))
            self.threshold_s = min((threshold_s for threshold_s, _ in self.after), default=math.inf)
            self.notes_lookups_of = frozenset().union(*(one.notes_lookups_of for one in active))
            self.lane = _lane(active)
