"""Consoles over real servers. The packages of the extra may be missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo import MongoClient

from secantus_console.extra import is_installed
from secantus_server import SecantusDBServer
from tests.console.browser import Browser

# Without the extra's packages, which the extra `test` contains, there is nothing to test.
collect_ignore_glob = [] if is_installed() else ["test_*.py"]

TOKEN = "first-token"


@contextmanager
def serving(uri: str, **options: Any) -> Iterator[Any]:
    """Serve a console; yield the `Serving` with two more attributes: `port`, and `announced`, the list of tokens."""
    from secantus_console.console import Console
    from secantus_console.options import ConsoleOptions
    from secantus_console.serving import Serving, listen

    view, host = options.pop("test_view", None), options.pop("host", "127.0.0.1")
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    announced: list[str] = []
    served: Any = Serving(Console(ConsoleOptions(uri, host, port, **options), view), listener, TOKEN, announced.append)
    served.port, served.announced = port, announced
    served.start()
    try:
        yield served
    finally:
        served.stop()


def entered(served: Any) -> Browser:
    """Return a browser with a session."""
    browser = Browser(served.port)
    assert browser.enter(TOKEN).status == 303
    return browser


@pytest.fixture(scope="package")
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:") as server:
        yield server


@pytest.fixture
def client(server: SecantusDBServer) -> Iterator[MongoClient[dict[str, Any]]]:
    with server.checkpoint(), MongoClient(server.uri) as client:
        yield client


@pytest.fixture
def read_only(server: SecantusDBServer, client: MongoClient[dict[str, Any]]) -> Iterator[Browser]:
    with serving(server.uri) as served:
        yield entered(served)


@pytest.fixture
def browser(server: SecantusDBServer, client: MongoClient[dict[str, Any]]) -> Iterator[Browser]:
    """A browser with a session at a console that may write."""
    with serving(server.uri, write=True) as served:
        yield entered(served)
