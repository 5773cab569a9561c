"""Context managers that run an action after a package is imported, and that keep signals, garbage collections and import hooks away from
an import.

With ``--secantus`` the plugin runs before the first conftest, which may patch the process with gevent or eventlet. A driver that is
imported before the patch keeps references to unpatched objects, and fails or hangs. Therefore the plugin must not import pymongo before
the suite does.
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


class Watcher(MetaPathFinder):
    """A finder that locates one package through the remaining finders and calls `action` after the package is imported."""

    def __init__(self, name: str, action: Callable[[], object]) -> None:
        self._name = name
        self._action: Callable[[], object] | None = action

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the package's spec, with a loader that calls `action` after the import. Return None for any other module."""
        if fullname != self._name or self._action is None:
            return None
        action, self._action = self._action, None
        spec = find_spec(fullname)
        if spec is None or spec.loader is None:
            self._action = action
            return None
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            action()

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


@contextmanager
def when_imported(name: str, action: Callable[[], object]) -> Iterator[None]:
    """Call `action` when a package is imported within the block, or immediately if it has been imported already."""
    if name in sys.modules:
        action()
        yield
        return
    watcher = Watcher(name, action)
    sys.meta_path.insert(0, watcher)
    try:
        yield
    finally:
        sys.meta_path.remove(watcher)


@contextmanager
def signals_held() -> Iterator[None]:
    """Delay the handlers of signals that arrive within the block until the block ends.

    A handler may raise during an import, as the handlers of pytest-timeout and Ctrl-C do. This would leave partly imported modules, so
    that every later import of these modules fails for the rest of the session.
    """
    arrived: list[int] = []
    try:
        with ExitStack() as restored:
            for number in signal.valid_signals():
                handler = signal.getsignal(number)
                if callable(handler) and not isinstance(handler, signal.Handlers):
                    # This raises ValueError outside the main thread, where no handler runs.
                    with suppress(ValueError):
                        signal.signal(number, lambda number, _frame: arrived.append(number))
                        restored.callback(signal.signal, number, handler)
            yield
    finally:
        for held in arrived:
            signal.raise_signal(held)


@contextmanager
def collections_held() -> Iterator[None]:
    """Delay garbage collections until the block ends, and let only full collections visit the objects that exist then.

    An import creates many objects that all stay, so the collections during an import take a tenth of its time and find nothing. The
    next two collections of younger objects would visit all of them again.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        # Together, these move all objects to the oldest generation, without visiting them. Leave objects that the suite has frozen.
        if not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        gc.enable()


def with_stack(call: Callable[[], T]) -> T:
    """Call a function so that its Python frames share one large block of memory, and return its result.

    Python stores frames in blocks of 16 KB. If a frame ends just before the end of a block, each call from it maps a block and unmaps it
    again, hundreds of times during a long import. A frame that needs a larger block gets one, and the calls below it use the rest of that
    block.
    """
    return call()


# Half of a block of 256 KB. Python reserves the space without writing to it.
with_stack.__code__ = with_stack.__code__.replace(co_stacksize=16_500)


@contextmanager
def rewriting_paused() -> Iterator[None]:
    """Remove pytest's import hook, which rewrites the assertions of tests, within the block.

    The hook compares the name of each imported module with the patterns of test files, in Python. This takes a fifth of the import of
    pymongo, of which no module is rewritten.
    """
    hooks = [(at, finder) for at, finder in enumerate(sys.meta_path) if type(finder).__module__ == "_pytest.assertion.rewrite"]
    for _, hook in hooks:
        sys.meta_path.remove(hook)
    try:
        yield
    finally:
        for at, hook in hooks:
            sys.meta_path.insert(at, hook)
