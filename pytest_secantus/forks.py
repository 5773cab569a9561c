"""Support for pytest-forked, which runs tests in forks of this process."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_secantus.guard import guard_of


class ForkHooks:
    """Hooks that are registered only in a run with pytest-forked."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Isolate a test that runs in a fork: load the test's seed in this process before the fork, and undo the test's writes after it."""
        block = guard_of(item.config).protocol(item)
        if block is None:
            return (yield)
        with block:
            return (yield)
