"""Access to pymongo's private interface: session internals, topology ids, and timing constants.

All other modules of the runner use only the public interface, so that a new pymongo version can break only this module.
"""

from __future__ import annotations

import os
import traceback
from typing import Any

import pymongo.common
from gridfs import GridFSBucket, GridOut
from pymongo import MongoClient, _csot
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.synchronous.client_session import _TxnState  # type: ignore[attr-defined]  # private

_DRIVER_PACKAGES = ("/pymongo/", "/bson/", "/gridfs/")


def speed_up_heartbeats() -> None:
    """Make the driver's monitors check a server every 100 ms, so that recovery after a fault does not take ten seconds.

    The format allows this for every client that does not set heartbeatFrequencyMS itself.
    """
    for name in ("HEARTBEAT_FREQUENCY", "MIN_HEARTBEAT_INTERVAL", "KILL_CURSOR_FREQUENCY", "EVENTS_QUEUE_FREQUENCY"):
        assert hasattr(pymongo.common, name), name
        setattr(pymongo.common, name, 0.1)


def log_whole_documents() -> None:
    """Keep the driver from truncating documents in its log messages, because tests parse these messages as Extended JSON."""
    os.environ["MONGOB_LOG_MAX_DOCUMENT_LENGTH"] = str(2**31)


def topology_id(client: MongoClient[Any]) -> Any:
    """Return the id that identifies a client in log messages."""
    return client._topology_settings._topology_id


def latest_cluster_time(client: MongoClient[Any]) -> Any:
    """Return the latest cluster time that a client has received, or None."""
    return client._topology.max_cluster_time()


def transaction_state(session: ClientSession) -> str:
    """Return the state of a session's transaction in the format's terms: none, starting, in_progress, committed, or aborted."""
    names = {value: name.lower() for name, value in vars(_TxnState).items() if isinstance(value, int)}
    return names[session._transaction.state].removesuffix("_empty")


def pinned_address(session: ClientSession) -> Any:
    """Return the address of the mongos to which a session is pinned, or None."""
    return session._transaction.pinned_address or session._pinned_address


def is_dirty(session: ClientSession) -> bool:
    """Return whether a network error has marked the server session as unusable."""
    server_session = session._server_session
    return bool(server_session is not None and server_session.dirty)


def raised_by_driver(error: BaseException) -> bool:
    """Return whether an exception was raised by the driver's own code, for example by an argument check, and not by this runner."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and any(package in frames[-1].filename.replace("\\", "/") for package in _DRIVER_PACKAGES)


def explicit_timeout() -> float | None:
    """Return the remaining seconds of `pymongo.timeout` for the running operation, or None if no timeout is set."""
    left = _csot.remaining()
    return None if left is None else max(0.001, left)


def file_document(stream: GridOut) -> dict[str, Any]:
    """Return the document in the files collection that describes a GridFS file."""
    return dict(stream._file)


def bucket_collections(bucket: GridFSBucket) -> tuple[Collection[Any], Collection[Any]]:
    """Return the two collections of a bucket: the files collection and the chunks collection."""
    return bucket._files, bucket._chunks
