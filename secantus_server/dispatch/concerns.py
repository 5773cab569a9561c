"""Validates read and write concerns, and returns errors for concerns that a single node cannot satisfy.

https://www.mongodb.com/docs/manual/reference/write-concern/ and .../read-concern/
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN
from typing import Any

from bson.decimal128 import Decimal128
from bson.timestamp import Timestamp

from secantus_server.bson.numbers import is_finite, python_number
from secantus_server.bson.values import is_number, type_name
from secantus_server.dispatch.arguments import whole_number, wrong_type
from secantus_server.errors import CommandError

READ_LEVELS = ("local", "majority", "linearizable", "available", "snapshot")
PROVENANCES = ("clientSupplied", "implicitDefault", "customDefault", "getLastErrorDefaults", "internalWriteDefault")
MAX_NODES = 50
# The commands that support read concern "snapshot". A getMore repeats the read concern with which its cursor was opened.
_TAKE_SNAPSHOT = frozenset(["find", "aggregate", "distinct", "explain", "getMore"])
_WRITE_FIELDS = frozenset(["w", "j", "wtimeout", "fsync", "provenance", "getLastError"])
_READ_FIELDS = frozenset(
    [
        "level",
        "afterClusterTime",
        "afterOpTime",
        "atClusterTime",
        "provenance",
        "allowTransactionTableSnapshot",
        "waitLastStableRecoveryTimestamp",
    ]
)


def check_read_concern(command: str, concern: Any, *, takes_one: bool, starts: bool = False, standalone: bool) -> None:
    """Validate a read concern.

    Arguments:
        takes_one: whether the command supports read concerns.
        starts: whether the command starts a multi-document transaction, to which the read concern then applies.

    Raises:
        CommandError: the read concern is malformed, or not supported by this command or by a standalone server.
    """
    if type(concern) is not dict:
        raise wrong_type("readConcern", concern, "object")
    for key, value in concern.items():
        if key not in _READ_FIELDS:
            raise CommandError(40415, f"BSON field 'readConcern.{key}' is an unknown field.")
        if key == "level" and value is not None and type(value) is not str:
            raise wrong_type("readConcern.level", value, "string")
        if key == "provenance":
            _check_provenance("readConcern.provenance", value)
        if key in ("afterClusterTime", "atClusterTime") and type(value) is not Timestamp:
            raise wrong_type(f"readConcern.{key}", value, "timestamp")
    level = "local" if concern.get("level") is None else concern["level"]
    if level not in READ_LEVELS:
        raise CommandError(2, f"Enumeration value '{level}' for field 'readConcern.level' is not a valid value.")
    if (not takes_one and level != "local") or (level == "snapshot" and command not in _TAKE_SNAPSHOT and not starts):
        raise CommandError(72, f'Command {command} does not support readConcern {{ level: "{level}" }}')
    if standalone and level in ("snapshot", "linearizable"):
        raise CommandError(123, f"node needs to be a replica set member to use readConcern: {level}")
    if "afterClusterTime" in concern or "atClusterTime" in concern:
        _check_times(concern, level, standalone=standalone)


def _check_times(concern: dict[str, Any], level: str, *, standalone: bool) -> None:
    """Validate the cluster times of a read concern.

    Raises:
        CommandError: 72 for an invalid combination of fields or a null time, 123 on a standalone server.
    """
    if "atClusterTime" in concern and level != "snapshot":
        raise CommandError(72, "readConcern.atClusterTime may only be used with readConcern level 'snapshot'")
    if "afterClusterTime" not in concern:
        return
    if concern["afterClusterTime"] == Timestamp(0, 0):
        raise CommandError(72, "afterClusterTime cannot be set to a null timestamp")
    if "atClusterTime" in concern:
        raise CommandError(72, "Specifying a timestamp for both readConcern.atClusterTime and readConcern.afterClusterTime is not allowed")
    if level not in ("local", "majority", "snapshot"):
        raise CommandError(72, "readConcern.afterClusterTime may only be used with readConcern level 'local', 'majority' or 'snapshot'")
    if standalone:
        raise CommandError(123, "node needs to be a replica set member to use readConcern.afterClusterTime")


def check_write_concern(command: str, takes_one: bool, concern: Any) -> None:
    """Validate a write concern, but only as far as MongoDB does before the write.

    Errors that MongoDB detects only after the write are returned by `write_concern_error`.

    Arguments:
        takes_one: whether the command supports write concerns.

    Raises:
        CommandError: the write concern is malformed, or the command does not support write concerns.
    """
    if type(concern) is not dict:
        raise wrong_type(f"{command}.writeConcern", concern, "object")
    if not takes_one:
        raise CommandError(72, f"Command {command} does not support writeConcern")
    for key, value in concern.items():
        if key not in _WRITE_FIELDS:
            raise CommandError(40415, f"BSON field 'writeConcern.{key}' is an unknown field.")
        if key in ("j", "fsync") and value is not None and type(value) is not bool and not is_number(value):
            raise wrong_type(f"writeConcern.{key}", value, "[bool, int, double, decimal, long]")
        if key == "provenance":
            _check_provenance("writeConcern.provenance", value)
    _check_w(concern.get("w", 1))
    _check_timeout(concern.get("wtimeout"))
    if concern.get("j") and concern.get("fsync"):
        raise CommandError(9, "fsync and j options cannot be used together")


def _check_provenance(name: str, value: Any) -> None:
    if value is None:
        return
    if type(value) is not str:
        raise wrong_type(name, value, "string")
    if value not in PROVENANCES:
        raise CommandError(2, f"Enumeration value '{value}' for field '{name}' is not a valid value.")


def _check_w(w: Any) -> None:
    if w is None or type(w) is str:
        return
    if type(w) is dict:
        _check_tags(w)
        return
    if not is_number(w):
        raise CommandError(9, f"w has to be a number, string, or object; found: {type_name(w)}")
    # As in MongoDB, a double is truncated and a decimal is rounded half to even.
    number = python_number(w)
    if type(w) is Decimal128 and is_finite(w):
        number = number.to_integral_value(ROUND_HALF_EVEN)
    if number != number or not -1 < number < MAX_NODES + 1:
        raise CommandError(9, f"w has to be a non-negative number and not greater than {MAX_NODES}; found: {w}")


def _check_tags(tags: dict[str, Any]) -> None:
    if not tags:
        raise CommandError(9, "tagged write concern requires tags")
    for tag, count in tags.items():
        if not is_number(count):
            raise CommandError(9, f"tags must be a single level document with only number values; found: {type_name(count)} for {tag}")


def _check_timeout(timeout: Any) -> None:
    """Validate `wtimeout`. A number must fit into 32 bits. As in MongoDB, a value of another type is ignored."""
    if is_number(timeout) and whole_number(timeout) >= 2**31:
        raise CommandError(9, f"wtimeout must be a 32-bit integer, but found: {timeout}")


def is_unacknowledged(concern: dict[str, Any] | None) -> bool:
    """Return whether the client requests no acknowledgement (`w: 0` without `j`)."""
    if not concern:
        return False
    w = concern.get("w", 1)
    return is_number(w) and whole_number(w) == 0 and not waits_for_disk(concern)


def write_concern_error(concern: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the `writeConcernError` for a write concern that a single node cannot satisfy, or None if it can.

    The error does not undo the write.

    Arguments:
        concern: the command's write concern, or None.
    """
    if not concern:
        return None
    w = concern.get("w", 1)
    if type(w) is str and w != "majority":
        return {
            "code": 79,
            "codeName": "UnknownReplWriteConcern",
            "errmsg": f"No write concern mode named '{w}' found in replica set configuration",
        }
    if is_number(w) and whole_number(w) > 1:
        return {"code": 100, "codeName": "UnsatisfiableWriteConcern", "errmsg": "Not enough data-bearing nodes"}
    return None


def waits_for_disk(concern: dict[str, Any] | None) -> bool:
    """Return whether the write must be on disk before it is acknowledged (`j: true`)."""
    return bool(concern and (concern.get("j") or concern.get("fsync")))
