"""Resets within a test: explicit ones, and those before each Hypothesis example and each subtest.

Each kind has a base: a snapshot that later resets restore. For explicit resets, it is the state in which the test function began. For
the other kinds, it is the state in which the first example or subtest began.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from pytest_secantus.parts import method_noticed, parts_noticed

if TYPE_CHECKING:
    from pytest_secantus.store import SnapshotStore
    from pytest_secantus.worker import Worker

#: The kind of the explicit resets through the fixture `secantus_reset`.
BY_HAND: Final = "by hand"


class Resets:
    """The resets of one test.

    Arguments:
        store: the server.
    """

    def __init__(self, store: SnapshotStore) -> None:
        self._store = store
        self._bases: dict[str, Any] = {}

    def begin(self, kind: str) -> None:
        """Take the snapshot that resets of a kind restore, unless it is still open. (A restore of an outer snapshot may have ended it.)"""
        if self._bases.get(kind) not in self._store.snapshots:
            self._bases[kind] = self._store.snapshot()

    def begin_again(self, kind: str) -> None:
        """If a kind of resets has a base snapshot, replace it with a new one."""
        if kind in self._bases:
            self._bases[kind] = self._store.snapshot()

    def reset(self, kind: str) -> None:
        """Restore the base snapshot of a kind of resets. If it has no open base, take one."""
        if (base := self._bases.get(kind)) in self._store.snapshots:
            self._store.restore(base)
        else:
            self.begin(kind)


class Resetting:
    """The resets of the tests of one process.

    Arguments:
        is_running: whether a test function is running.
    """

    def __init__(self, worker: Worker, *, is_running: bool) -> None:
        self._worker = worker
        self._resets: Resets | None = None
        self._is_running = is_running

    def begin(self) -> None:
        """Record that the test function runs next."""
        self._is_running = True
        if self._resets is not None:
            self._resets.begin(BY_HAND)

    def end(self) -> None:
        """Record that the test function has ended."""
        self._is_running, self._resets = False, None

    @contextmanager
    def call(self, item: pytest.Item) -> Generator[None]:
        """Run the test function within the block, and reset the databases before each of its parts that the option names."""
        resets, kinds = self._current(), self._worker.options.reset

        def begin(kind: str) -> None:
            if kind in kinds:
                resets.reset(kind)

        with method_noticed(item, partial(resets.begin_again, BY_HAND)), parts_noticed(item, begin):
            yield

    def resetter(self) -> Callable[[], None]:
        """Return the function of the fixture `secantus_reset`.

        Its base is the state when the test function begins, or, if the function requests the fixture dynamically, the state at that moment.
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
