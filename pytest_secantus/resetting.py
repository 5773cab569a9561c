"""Resets within a test: explicit resets, and automatic resets before each Hypothesis example or subtest.

Each kind of reset has a base snapshot, which later resets of this kind restore. The base of explicit resets is the state in which the
test function began. For examples and subtests, it is the state in which the first example or subtest began.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from pytest_secantus.parts import method_noticed, parts_noticed
from pytest_secantus.tracebacks import hidden_for

if TYPE_CHECKING:
    from pytest_secantus.store import SnapshotStore
    from pytest_secantus.worker import Worker

__tracebackhide__ = hidden_for(pytest.UsageError)

#: The kind of the explicit resets through the fixture `secantus_reset`.
BY_HAND: Final = "by hand"


class Resets:
    """Takes and restores the base snapshots of one test.

    Arguments:
        store: the server.
    """

    def __init__(self, store: SnapshotStore) -> None:
        self._store = store
        self._bases: dict[str, Any] = {}

    def begin(self, kind: str) -> None:
        """Take the base snapshot for a kind of reset, unless it is still open. (A restore of an outer snapshot may have ended it.)"""
        if self._bases.get(kind) not in self._store.snapshots:
            self._bases[kind] = self._store.snapshot()

    def begin_again(self, kind: str) -> None:
        """Replace the base snapshot for a kind of reset with a new one. Do nothing if the kind has no base snapshot."""
        if kind in self._bases:
            self._bases[kind] = self._store.snapshot()

    def reset(self, kind: str) -> None:
        """Restore the base snapshot for a kind of reset. If no base snapshot is open, take one."""
        if (base := self._bases.get(kind)) in self._store.snapshots:
            self._store.restore(base)
        else:
            self.begin(kind)


class Resetting:
    """Performs the resets in the tests of one process.

    Arguments:
        is_running: whether a test function is running.
    """

    def __init__(self, worker: Worker, *, is_running: bool) -> None:
        self._worker = worker
        self._resets: Resets | None = None
        self._is_running = is_running

    def begin(self) -> None:
        """Record that the test function will run next."""
        self._is_running = True
        if self._resets is not None:
            self._resets.begin(BY_HAND)

    def end(self) -> None:
        """Record that the test function has ended."""
        self._is_running, self._resets = False, None

    @contextmanager
    def call(self, item: pytest.Item) -> Generator[None]:
        """Within the block, in which the test function runs, reset the databases before each part that the option names."""
        resets, kinds = self._current(), self._worker.options.reset

        def begin(kind: str) -> None:
            if kind in kinds:
                resets.reset(kind)

        with method_noticed(item, partial(resets.begin_again, BY_HAND)), parts_noticed(item, begin):
            yield

    def resetter(self) -> Callable[[], None]:
        """Return the function that the fixture `secantus_reset` provides.

        The function restores the state at the beginning of the test function. If the test function requests the fixture dynamically, the
        state at the time of the request is restored instead.
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
