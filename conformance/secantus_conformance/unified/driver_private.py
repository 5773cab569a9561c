"""The only module that uses pymongo's private interface: session internals, topology ids, timing constants.

The rest of the runner uses the public interface, so that a new pymongo version can break only this module.
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
    """Make monitors check a server every 100 ms, so that recovery after a fault does not take ten seconds.

    The format allows it for every client that does not set heartbeatFrequencyMS itself.
    """
    for name in ("HEARTBEAT_FREQUENCY", "MIN_HEARTBEAT_INTERVAL", "KILL_CURSOR_FREQUENCY", "EVENTS_QUEUE_FREQUENCY"):
        assert hasattr(pymongo.common, name), name
        setattr(pymongo.common, name, 0.1)


def log_whole_documents() -> None:
    """Keep the driver from truncating documents in its log messages, which tests parse as Extended JSON."""
    os.environ["MONGOB_LOG_MAX_DOCUMENT_LENGTH"] = str(2**31)


def topology_id(client: MongoClient[Any]) -> Any:
    """Return the id by which log messages identify their client."""
    return client._topology_settings._topology_id


def latest_cluster_time(client: MongoClient[Any]) -> Any:
    """Return the latest cluster time that a client has received, or None."""
    return client._topology.max_cluster_time()


def transaction_state(session: ClientSession) -> str:
    """Return the state of a session's transaction by the format's names: none, starting, in_progress, committed, aborted."""
    names = {value: name.lower() for name, value in vars(_TxnState).items() if isinstance(value, int)}
    return names[session._transaction.state].removesuffix("_empty")


def pinned_address(session: ClientSession) -> Any:
    """Return the mongos that a session is pinned to, or None."""
    return session._transaction.pinned_address or session._pinned_address


def is_dirty(session: ClientSession) -> bool:
    """Return whether a network error has marked the server session as unusable."""
    server_session = session._server_session
    return bool(server_session is not None and server_session.dirty)


def raised_by_driver(error: BaseException) -> bool:
    """Return whether the driver's own code raised an exception, as its argument checks do, rather than this runner."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and any(package in frames[-1].filename.replace("\\", "/") for package in _DRIVER_PACKAGES)


def explicit_timeout() -> float | None:
    """Return the seconds that `pymongo.timeout` leaves to the running operation, or None if it is not set."""
    left = _csot.remaining()
    return None if left is None else max(0.001, left)


def file_document(stream: GridOut) -> dict[str, Any]:
    """Return the stored document of a GridFS file."""
    return dict(stream._file)


def bucket_collections(bucket: GridFSBucket) -> tuple[Collection[Any], Collection[Any]]:
    """Return the two collections of a bucket: files, then chunks."""
    return bucket._files, bucket._chunks
