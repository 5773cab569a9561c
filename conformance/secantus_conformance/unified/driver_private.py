"""The only file that touches what pymongo does not promise: session internals, topology ids, timing constants.

Everything else in the runner uses pymongo's public interface; what a new pymongo breaks, it breaks here.
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
    """Makes monitors look at a server every tenth of a second, so that recovery after a fault does not take ten seconds.

    The format allows it for every client that does not set heartbeatFrequencyMS itself.
    """
    for name in ("HEARTBEAT_FREQUENCY", "MIN_HEARTBEAT_INTERVAL", "KILL_CURSOR_FREQUENCY", "EVENTS_QUEUE_FREQUENCY"):
        assert hasattr(pymongo.common, name), name
        setattr(pymongo.common, name, 0.1)


def log_whole_documents() -> None:
    """Keeps the driver from cutting documents in its log messages, which tests read as Extended JSON."""
    os.environ["MONGOB_LOG_MAX_DOCUMENT_LENGTH"] = str(2**31)


def topology_id(client: MongoClient[Any]) -> Any:
    """The id by which log messages name their client."""
    return client._topology_settings._topology_id


def latest_cluster_time(client: MongoClient[Any]) -> Any:
    """The newest cluster time a client has seen, or None."""
    return client._topology.max_cluster_time()


def transaction_state(session: ClientSession) -> str:
    """The state of a session's transaction, as the format names it: none, starting, in_progress, committed, aborted."""
    names = {value: name.lower() for name, value in vars(_TxnState).items() if isinstance(value, int)}
    return names[session._transaction.state].removesuffix("_empty")


def pinned_address(session: ClientSession) -> Any:
    """The mongos a session is pinned to, or None."""
    return session._transaction.pinned_address or session._pinned_address


def is_dirty(session: ClientSession) -> bool:
    """Whether a network error has marked the server session as not to be used again."""
    server_session = session._server_session
    return bool(server_session is not None and server_session.dirty)


def raised_by_driver(error: BaseException) -> bool:
    """Whether an exception comes out of the driver's own code: its check of an argument, not a mistake of this runner."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and any(package in frames[-1].filename.replace("\\", "/") for package in _DRIVER_PACKAGES)


def explicit_timeout() -> float | None:
    """The seconds that `pymongo.timeout` leaves to the running operation, or None where it is not used."""
    left = _csot.remaining()
    return None if left is None else max(0.001, left)


def file_document(stream: GridOut) -> dict[str, Any]:
    """The document of a GridFS file as it is stored."""
    return dict(stream._file)


def bucket_collections(bucket: GridFSBucket) -> tuple[Collection[Any], Collection[Any]]:
    """The two collections of a bucket: files, then chunks."""
    return bucket._files, bucket._chunks
