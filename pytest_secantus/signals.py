"""The deferral of exceptions from signal handlers, so that they are not raised inside the server's code.

A command of a direct client runs in the client's thread. If that is the main thread, a signal handler may raise an exception in the
middle of the server's code: KeyboardInterrupt on Ctrl-C, or the failure of a test by pytest-timeout. With the deferral, the handler still
runs immediately, but its exception only interrupts the command, and is raised after the command has ended.
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
        inner: the handler that the suite has installed.
        deferral: knows whether a command is running.
    """

    def __init__(self, inner: Callable[[int, FrameType | None], Any], deferral: Deferral) -> None:
        self.inner = inner
        self._deferral = deferral

    def __call__(self, number: int, frame: FrameType | None) -> Any:
        """Call the handler. If it raises an exception while a command runs, defer the exception."""
        # Pytest then reports the line that the signal interrupted.
        __tracebackhide__ = True
        deferral = self._deferral
        if not deferral.is_inside:
            return self.inner(number, frame)
        # A command that the handler itself runs must not count as the interrupted one.
        deferral.is_inside = False
        try:
            return self.inner(number, frame)
        except BaseException as error:  # noqa: BLE001 - `deliver` raises it.
            deferral.pending = error
            deferral.interrupt(deferral.thread)
        finally:
            deferral.is_inside = True


class Deferral:
    """Defers the exceptions of signal handlers that run in the main thread during a command.

    Arguments:
        interrupt: interrupts the command that a thread is running.
    """

    def __init__(self, interrupt: Callable[[int], None]) -> None:
        self.interrupt = interrupt
        #: The thread that runs signal handlers.
        self.thread = get_ident()
        #: Whether this thread is running a command of the server.
        self.is_inside = False
        self.pending: BaseException | None = None

    def deliver(self) -> None:
        """Raise the exception of a signal handler that ran during the last command, if there is one.

        Raises:
            BaseException: the deferred exception.
        """
        __tracebackhide__ = True
        error, self.pending = self.pending, None
        if error is not None:
            raise error

    def wrapped(self, handler: Any) -> Any:
        """Return a wrapper of a handler that defers its exceptions. Return a handler that is not a function unchanged."""
        return Handler(handler, self) if callable(handler) and not isinstance(handler, (Handler, signal.Handlers)) else handler

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Within the block, wrap all current signal handlers, and all handlers that are installed later. Call this in the main thread.

        Raises:
            ValueError: this is not the main thread.
        """
        set_handler, get_handler = signal.signal, signal.getsignal

        def signal_(number: Any, handler: Any) -> Any:
            return unwrapped(set_handler(number, self.wrapped(handler)))

        def getsignal(number: Any) -> Any:
            return unwrapped(get_handler(number))

        with ExitStack() as patches:
            # This raises ValueError outside the main thread.
            set_handler(signal.SIGINT, get_handler(signal.SIGINT))
            patches.callback(each_handler, unwrapped, set_handler, get_handler)
            each_handler(self.wrapped, set_handler, get_handler)
            patches.enter_context(replaced(signal, "signal", signal_))
            patches.enter_context(replaced(signal, "getsignal", getsignal))
            yield


def unwrapped(handler: Any) -> Any:
    """Return the handler that the suite has installed, without the wrapper."""
    return handler.inner if isinstance(handler, Handler) else handler


def each_handler(change: Callable[[Any], Any], set_handler: Callable[..., Any], get_handler: Callable[..., Any]) -> None:
    """Apply `change` to every signal handler, and install the result if it differs."""
    for number in signal.valid_signals():
        before = get_handler(number)
        if (after := change(before)) is not before:
            set_handler(number, after)
