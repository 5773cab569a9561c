"""Causal consistency: the `$clusterTime` that drivers pass from server to server, and reads at or after a given cluster time.

https://github.com/mongodb/specifications/blob/master/source/sessions/driver-sessions.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bson.binary import Binary
from bson.int64 import Int64
from bson.timestamp import Timestamp

from secantus_server.bson import RawDocument, decode, encode
from secantus_server.bson.values import stamp_of
from secantus_server.dispatch._fields import cluster_time_stamp
from secantus_server.dispatch.arguments import wrong_type
from secantus_server.errors import CommandError

if TYPE_CHECKING:
    from secantus_server.dispatch.services import Services

# The default of MongoDB's parameter maxAcceptableLogicalClockDriftSecs: one year.
MAX_DRIFT_S = 365 * 24 * 60 * 60

NO_SIGNATURE = RawDocument(encode({"hash": Binary(b"\0" * 20, 0), "keyId": Int64(0)}))


def take_cluster_time(value: Any, services: Services) -> None:
    """Validate the `$clusterTime` of a command. On a replica set, advance the server's cluster time to the client's time.

    Arguments:
        value: the decoded value of the field.

    Raises:
        CommandError: 14 or 40414 for a malformed document, 205 ClusterTimeFailsRateLimiter for a time more than a year in the future.
    """
    if type(value) is RawDocument:
        data = value.data
    elif type(value) is dict:
        data = encode(value)
    else:
        raise wrong_type("$clusterTime", value, "object")
    stamp = cluster_time_stamp(data)
    if stamp is None:
        raise _malformed(decode(data))
    # Return early, without reading the clock: drivers usually send the newest time that they received from this server.
    if stamp <= services.oplog.cluster_stamp or not services.settings.replica_set:
        return
    seconds, now_s = stamp >> 32, services.clock.system_ms() // 1000
    if seconds > now_s + MAX_DRIFT_S:
        raise CommandError(205, f"New cluster time, {seconds}, is too far from this node's wall clock time, {now_s}.")
    services.oplog.take_cluster_time(stamp)


def reach(services: Services, wanted: Timestamp, field: str) -> None:
    """Advance the server's operation time to at least `wanted`. If necessary, write a no-op oplog entry.

    Arguments:
        field: the read concern's field that contains the time, for the error.

    Raises:
        CommandError: 72 InvalidOptions for a time after the cluster time.
    """
    oplog = services.oplog
    stamp = stamp_of(wanted)
    if stamp <= oplog.newest_stamp:
        return
    if stamp > oplog.cluster_stamp:
        current = oplog.cluster_time
        raise CommandError(
            72,
            f"readConcern {field} value must not be greater than the current clusterTime. Requested clusterTime: "
            f"{{ ts: Timestamp({wanted.time}, {wanted.inc}) }}; current clusterTime: {{ ts: Timestamp({current.time}, {current.inc}) }}",
        )
    oplog.write_note(encode({"msg": "advance to the cluster time of a client"}))


def _malformed(document: dict[str, Any]) -> CommandError:
    """Return the error for a malformed `$clusterTime`, about its first field that is missing or has the wrong type."""
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
