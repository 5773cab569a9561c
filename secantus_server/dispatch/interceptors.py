"""What may be put around a command: the interface of an interceptor, and the ones of a server.

A server's interceptors are in the package `interceptors`, one file each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.operations import Operation
from secantus_server.errors import CommandError
from secantus_server.wire.message import Message

#: The reply of a command, or the error that it failed with.
Outcome = dict[str, Any] | CommandError


class Call(Protocol):
    """What an interceptor sees of a command; `Request` implements it.

    Arguments:
        name: the command's name as the client wrote it.
        body: the command document.
        seconds: how long it worked, without waits for data; set when it has ended.
        is_slow: whether it counts as slow, once `Observer.is_slow` has been asked.
    """

    name: str
    db: str
    message: Message
    body: dict[str, Any]
    client: ClientInfo
    operation: Operation
    seconds: float
    is_slow: bool | None


class Interceptor:
    """Something done before or after commands. A subclass overrides the methods that it needs."""

    @property
    def is_active(self) -> bool:
        """Whether commands pass it at present; call `Interceptors.refresh` when that changes."""
        return True

    @property
    def threshold_s(self) -> float:
        """How many seconds a command must exceed for `after` to be called."""
        return -math.inf

    def before(self, call: Call) -> None:
        """Act on a command whose arguments are valid and which has not begun.

        Raises:
            CommandError: the command is refused; `after` is still called.
        """

    def after(self, call: Call, outcome: Outcome) -> None:
        """Act on a command that has ended.

        Arguments:
            outcome: its reply, or the error that it failed with.
        """


class Interceptors:
    """The interceptors of one server, in the order in which they act before a command; after it the last one acts first.

    `before` and `after` hold the methods of the active ones. `after` need not be called for a command that took no longer than
    `threshold_s`: dispatch pays nothing for an interceptor that has nothing to do.

    Threads: all are replaced whole; the commands' threads only read.
    """

    def __init__(self) -> None:
        self._installed: tuple[Interceptor, ...] = ()
        self.before: tuple[Callable[[Call], None], ...] = ()
        self.after: tuple[Callable[[Call, Outcome], None], ...] = ()
        self.threshold_s = math.inf

    def install(self, *interceptors: Interceptor) -> None:
        """Add interceptors behind those that are installed."""
        self._installed += interceptors
        self.refresh()

    def refresh(self) -> None:
        """Take over which interceptors are active now."""
        active = [interceptor for interceptor in self._installed if interceptor.is_active]
        self.before = tuple(one.before for one in active if type(one).before is not Interceptor.before)
        late = [one for one in reversed(active) if type(one).after is not Interceptor.after]
        self.after = tuple(one.after for one in late)
        self.threshold_s = min((one.threshold_s for one in late), default=math.inf)
