"""Keep the exceptions of signal handlers out of the server's code.

A command of a direct client runs in the client's thread. If that is the main thread, a signal handler may raise in the middle of the
server's code: KeyboardInterrupt on Ctrl-C, or the failure of a test by pytest-timeout. The handler still runs at once. Its exception
interrupts the command, and is raised when the command has ended.
"""

from __future__ import annotations

import signal
from _thread import get_ident
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

from pytest_secantus.driver import replaced


class Handler:
    """A signal handler whose exception is deferred while a command runs.

    Arguments:
        inner: the handler of the suite.
        deferral: knows whether a command runs.
    """

    def __init__(self, inner: Callable[[int, FrameType | None], Any], deferral: Deferral) -> None:
        self.inner = inner
        self._deferral = deferral

    def __call__(self, number: int, frame: FrameType | None) -> Any:
        """Call the handler."""
        deferral = self._deferral
        if not deferral.is_inside:
            return self.inner(number, frame)
        # A command that the handler itself runs is none of those that it interrupts.
        deferral.is_inside = False
        try:
            return self.inner(number, frame)
        except BaseException as error:  # noqa: BLE001 - `deliver` raises it.
            deferral.pending = error
            deferral.interrupt(deferral.thread)
        finally:
            deferral.is_inside = True


class Deferral:
    """The exceptions of signal handlers in the main thread.

    Arguments:
        interrupt: ends the command that a thread runs.
    """

    def __init__(self, interrupt: Callable[[int], None]) -> None:
        self.interrupt = interrupt
        #: The thread that runs signal handlers.
        self.thread = get_ident()
        #: Whether this thread runs a command of the server.
        self.is_inside = False
        self.pending: BaseException | None = None

    def deliver(self) -> None:
        """Raise the exception of a handler that ran during the command that has ended.

        Raises:
            BaseException: the exception.
        """
        error, self.pending = self.pending, None
        if error is not None:
            raise error

    def wrapped(self, handler: Any) -> Any:
        """Return a handler to set in place of another; those that are not functions stay."""
        return Handler(handler, self) if callable(handler) and not isinstance(handler, (Handler, signal.Handlers)) else handler

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Wrap the handlers that are set, and those that are set within the block. For the main thread.

        Raises:
            ValueError: it is another thread.
        """
        set_handler, get_handler = signal.signal, signal.getsignal

        def signal_(number: Any, handler: Any) -> Any:
            return unwrapped(set_handler(number, self.wrapped(handler)))

        def getsignal(number: Any) -> Any:
            return unwrapped(get_handler(number))

        with ExitStack() as patches:
            # Elsewhere than in the main thread, this raises.
            set_handler(signal.SIGINT, get_handler(signal.SIGINT))
            patches.callback(each_handler, unwrapped, set_handler, get_handler)
            each_handler(self.wrapped, set_handler, get_handler)
            patches.enter_context(replaced(signal, "signal", signal_))
            patches.enter_context(replaced(signal, "getsignal", getsignal))
            yield


def unwrapped(handler: Any) -> Any:
    """Return the handler that the suite has set."""
    return handler.inner if isinstance(handler, Handler) else handler


def each_handler(change: Callable[[Any], Any], set_handler: Callable[..., Any], get_handler: Callable[..., Any]) -> None:
    """Set the result of `change` in place of each handler that it changes."""
    for number in signal.valid_signals():
        before = get_handler(number)
        if (after := change(before)) is not before:
            set_handler(number, after)
