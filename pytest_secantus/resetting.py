"""Resets within a test: by hand, before each Hypothesis example, and before each subtest.

Each kind has a base, a snapshot that later resets restore. For resets by hand it is the state when the test function began, for the others
the state when the first example or subtest began.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

if TYPE_CHECKING:
    from pytest_secantus.store import SnapshotStore
    from pytest_secantus.worker import Worker

#: The resets of the fixture `secantus_reset`.
BY_HAND: Final = "by hand"
#: The values of the option `secantus_reset`.
EXAMPLES: Final = "examples"
SUBTESTS: Final = "subtests"


class Resets:
    """The resets of one test.

    Arguments:
        store: the server.
    """

    def __init__(self, store: SnapshotStore) -> None:
        self._store = store
        self._bases: dict[str, Any] = {}
        self._nested = 0

    def begin(self, kind: str) -> None:
        """Take the base of a kind of resets, unless it exists. (It may have ended by a restore further out.)"""
        if self._bases.get(kind) not in self._store.snapshots:
            self._bases[kind] = self._store.snapshot()

    def reset(self, kind: str) -> None:
        """Restore the base of a kind of resets; the first time, take it."""
        if (base := self._bases.get(kind)) in self._store.snapshots:
            self._store.restore(base)
        else:
            self.begin(kind)

    def before_each(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that resets the store before each call of `function`: an example."""
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def example(*args: Any, **kwargs: Any) -> Any:
                self.reset(EXAMPLES)
                return await function(*args, **kwargs)

        else:

            @wraps(function)
            def example(*args: Any, **kwargs: Any) -> Any:
                self.reset(EXAMPLES)
                return function(*args, **kwargs)

        return example

    def within_each(self, subtest: Callable[..., AbstractContextManager[Any]]) -> Callable[..., AbstractContextManager[Any]]:
        """Return a function that makes subtests which begin with a reset. A subtest within another does not."""

        @wraps(subtest)
        @contextmanager
        def test(*args: Any, **kwargs: Any) -> Generator[Any]:
            if not self._nested:
                self.reset(SUBTESTS)
            self._nested += 1
            try:
                with subtest(*args, **kwargs) as value:
                    yield value
            finally:
                self._nested -= 1

        return test


@contextmanager
def resetting(item: pytest.Item, resets: Resets, kinds: tuple[str, ...]) -> Generator[None]:
    """Reset before the examples and subtests of a test that runs within the block.

    Arguments:
        kinds: what to reset before.
    """
    hypothesis: Any = getattr(getattr(item, "obj", None), "hypothesis", None)
    inner = getattr(hypothesis, "inner_test", None)
    if SUBTESTS in kinds:
        for owner, name in ((getattr(item, "funcargs", {}).get("subtests"), "test"), (getattr(item, "instance", None), "subTest")):
            if hasattr(owner, name):
                setattr(owner, name, resets.within_each(getattr(owner, name)))
    if EXAMPLES not in kinds or inner is None:
        yield
        return
    hypothesis.inner_test = resets.before_each(inner)
    try:
        yield
    finally:
        hypothesis.inner_test = inner


class Resetting:
    """Tracks the resets of the tests of one process.

    Arguments:
        is_running: whether a test function runs now.
    """

    def __init__(self, worker: Worker, *, is_running: bool) -> None:
        self._worker = worker
        self._resets: Resets | None = None
        self._is_running = is_running

    def begin(self) -> None:
        """Note that the test function runs next."""
        self._is_running = True
        if self._resets is not None:
            self._resets.begin(BY_HAND)

    def end(self) -> None:
        """Note that the test function has ended."""
        self._is_running, self._resets = False, None

    @contextmanager
    def call(self, item: pytest.Item) -> Generator[None]:
        """Surround the test function, and reset the databases before its examples and subtests."""
        with resetting(item, self._current(), self._worker.options.reset):
            yield

    def resetter(self) -> Callable[[], None]:
        """Return the function of the fixture `secantus_reset`.

        Its base is the state when the test function begins, or the present one if the function has requested the fixture dynamically.
        """
        resets = self._current()
        if self._is_running:
            resets.begin(BY_HAND)

        def reset() -> None:
            if not self._is_running or self._resets is not resets:
                raise pytest.UsageError("secantus_reset: call it in the test function that requested it, not in a fixture")
            resets.reset(BY_HAND)

        return reset

    def _current(self) -> Resets:
        if self._resets is None:
            self._resets = Resets(cast("SnapshotStore", self._worker.server))
        return self._resets
