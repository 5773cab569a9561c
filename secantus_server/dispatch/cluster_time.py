"""The `$clusterTime` that drivers gossip: its validation, and the limit on how far ahead it may be.

https://github.com/mongodb/specifications/blob/master/source/sessions/driver-sessions.md
"""

from __future__ import annotations

from typing import Any

from bson.binary import Binary
from bson.int64 import Int64
from bson.timestamp import Timestamp

from secantus_server.bson import RawDocument, decode, encode
from secantus_server.clock import Clock
from secantus_server.dispatch._fields import cluster_time_seconds
from secantus_server.dispatch.arguments import wrong_type
from secantus_server.errors import CommandError

# maxAcceptableLogicalClockDriftSecs: one year.
MAX_DRIFT_S = 365 * 24 * 60 * 60

NO_SIGNATURE = RawDocument(encode({"hash": Binary(b"\0" * 20, 0), "keyId": Int64(0)}))


def check_cluster_time(value: Any, own: int | None, clock: Clock) -> None:
    """Validate the `$clusterTime` of a command.

    Arguments:
        value: the field as decoded.
        own: the seconds of the server's cluster time, which may be ahead of its clock; None for a standalone server, which has none.
        clock: the server's clock.

    Raises:
        CommandError: 14 or 40414 for a malformed document, 205 ClusterTimeFailsRateLimiter for one over a year ahead.
    """
    if type(value) is RawDocument:
        data = value.data
    elif type(value) is dict:
        data = encode(value)
    else:
        raise wrong_type("$clusterTime", value, "object")
    seconds = cluster_time_seconds(data)
    if seconds is None:
        raise _malformed(decode(data))
    # Drivers send back the newest time they received, so the clock is rarely read.
    if own is not None and seconds > own and seconds > (now_s := clock.now_ms() // 1000) + MAX_DRIFT_S:
        raise CommandError(205, f"New cluster time, {seconds}, is too far from this node's wall clock time, {now_s}.")


def _malformed(document: dict[str, Any]) -> CommandError:
    """Return the error for the first field that is missing or has the wrong type."""
    if type(document.get("clusterTime")) is not Timestamp:
        return _wrong_field("$clusterTime.clusterTime", document, "clusterTime", "timestamp")
    signature = document["signature"]
    if type(signature) is not dict:
        return wrong_type("$clusterTime.signature", signature, "object")
    if type(signature.get("hash")) is not Binary:
        return _wrong_field("$clusterTime.signature.hash", signature, "hash", "binData")
    return _wrong_field("$clusterTime.signature.keyId", signature, "keyId", "[long, int, decimal, double]")


def _wrong_field(path: str, document: dict[str, Any], name: str, expected: str) -> CommandError:
    if name not in document:
        return CommandError(40414, f"BSON field '{path}' is missing but a required field")
    return wrong_type(path, document[name], expected)
