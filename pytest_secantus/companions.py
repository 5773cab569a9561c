"""Compatibility with plugins that run a test in several threads or on an event loop other than asyncio's."""

from __future__ import annotations

from typing import Any

import pytest

PREFIX = "secantus_"
#: Markers of pytest-run-parallel by which a test sets its number of threads.
ASKED_FOR_THREADS = ("parallel_threads", "parallel_threads_limit", "force_parallel_threads", "thread_unsafe", "iterations")
THREADS_SHARE = "all threads of a test would share one Secantus database"


def run_in_one_thread(items: list[pytest.Item]) -> None:
    """Make pytest-run-parallel run tests with the plugin's fixtures in one thread, because several threads would share one database."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        asked = any(item.get_closest_marker(marker) for marker in ASKED_FOR_THREADS)
        if not asked and any(name.startswith(PREFIX) for name in names):
            item.add_marker(pytest.mark.thread_unsafe(reason=THREADS_SHARE))
            item.add_marker(pytest.mark.iterations(1))


def check_loop(request: pytest.FixtureRequest) -> None:
    """Refuse a test that runs on trio, because pymongo's asynchronous client needs asyncio but raises an error that does not mention it.

    Raises:
        pytest.UsageError: the test runs on trio.
    """
    if request.node.get_closest_marker("trio") is None and backend(request) != "trio":
        return
    raise pytest.UsageError(
        f"{request.fixturename}: pymongo's AsyncMongoClient needs asyncio, but this test runs on trio; "
        "use secantus_db in a thread (trio.to_thread.run_sync), or anyio's asyncio backend"
    )


def backend(request: pytest.FixtureRequest) -> Any:
    """Return the backend on which anyio runs the test, or None if anyio does not run it."""
    if "anyio_backend" not in request.fixturenames:
        return None
    chosen = request.getfixturevalue("anyio_backend")
    return chosen[0] if isinstance(chosen, tuple) else chosen
