"""Closing of an asynchronous client on the event loop on which it was used, whether pytest-asyncio, anyio or asyncio.run runs that loop.

A client binds itself to the loop of its first operation and can be closed only there. But that loop may end before the fixture does. When
a loop shuts down, it closes the asynchronous generators that were started on it. Therefore an asynchronous generator closes the client.
The generator is started when the client creates its first connection pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.monitoring import ConnectionPoolListener

CLOSE_SECONDS = 5.0


class ClosedWithLoop(ConnectionPoolListener):
    """A listener that records the event loop of a client's first use and closes the client on that loop."""

    def __init__(self) -> None:
        self.client: AsyncMongoClient[dict[str, Any]] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: AsyncGenerator[None] | None = None

    def pool_created(self, event: object) -> None:
        """Start the generator that closes the client. It runs on the event loop of the client's first use."""
        if self._loop is None and self.client is not None:
            self._loop = asyncio.get_running_loop()
            self._closing = close_at_the_end(self.client)
            start(self._closing)

    def close(self) -> None:
        """Close the client, unless it was never used or its loop has already closed it."""
        if self._loop is None or self.client is None or self._loop.is_closed():
            return
        if self._loop.is_running():
            asyncio.run_coroutine_threadsafe(self.client.close(), self._loop).result(CLOSE_SECONDS)
        else:
            self._loop.run_until_complete(self.client.close())

    def pool_ready(self, event: object) -> None:
        """Do nothing, because the listener does not need this event."""

    pool_cleared = pool_closed = pool_ready
    connection_created = connection_ready = connection_closed = pool_ready
    connection_check_out_started = connection_check_out_failed = pool_ready
    connection_checked_out = connection_checked_in = pool_ready


async def close_at_the_end(client: AsyncMongoClient[dict[str, Any]]) -> AsyncGenerator[None]:
    """Close the client when the event loop closes this generator."""
    try:
        yield
    finally:
        await client.close()


def start(generator: AsyncGenerator[None]) -> None:
    """Advance a generator to its first yield without a task. This is possible because the generator awaits nothing before that yield."""
    try:
        generator.__anext__().__await__().send(None)
    except StopIteration:
        return
    raise AssertionError("the generator awaited something")
