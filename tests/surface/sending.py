"""Sends commands and messages that a driver does not send, over a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from pymongo.database import Database

from tests.net.raw_client import RawClient
from tests.wire.messages import body_section, op_msg


class _Place(NamedTuple):
    port: int


@contextmanager
def connected(db: Database[dict[str, Any]]) -> Iterator[RawClient]:
    """Connect to a database's server."""
    address = db.client.address
    assert address is not None, "the client is connected"
    client = RawClient(_Place(address[1]))
    try:
        yield client
    finally:
        client.close()


def answer(client: RawClient, raw: bytes) -> dict[str, Any] | None:
    """Send a message, and return the document of the reply. Return None if the server closes the connection."""
    try:
        client.send(raw)
        return client.receive()[2]
    except (EOFError, ConnectionError):
        return None


def send(db: Database[dict[str, Any]], document: dict[str, Any]) -> dict[str, Any]:
    """Send one command over a new connection, exactly as given. Return the reply."""
    with connected(db) as client:
        client.send(op_msg(body_section(document)))
        return client.receive()[2]
