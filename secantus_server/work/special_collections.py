"""Validation of the options of clustered and time-series collections.

https://www.mongodb.com/docs/manual/core/clustered-collections/ and .../timeseries-collections/
"""

from __future__ import annotations

from typing import Any

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson.numbers import python_number
from secantus_server.bson.values import Date, is_number
from secantus_server.catalog.timeseries import SPANS_S
from secantus_server.dispatch import arguments as a
from secantus_server.errors import CommandError

MAX_BUCKET_S = 31_536_000

_CLUSTERED = a.Arguments(
    "create.clusteredIndex",
    {"key": a.document(required=True), "unique": a.Field(a.boolean().check, None, True), "name": a.string(), "v": a.number(2)},
    generic=False,
)


def _granularity(name: str, value: Any) -> str:
    if type(value) is not str:
        raise a.wrong_type(name, value, "string")
    if value not in ("seconds", "minutes", "hours"):
        raise CommandError(2, f"Enumeration value '{value}' for field '{name}' is not a valid value.")
    return value


def _field_name(name: str, value: Any) -> str:
    if type(value) is not str:
        raise a.wrong_type(name, value, "string")
    if "\0" in value:
        raise CommandError(2, f"{name} must not contain a null byte")
    return value


_TIMESERIES = a.Arguments(
    "create.timeseries",
    {
        "timeField": a.Field(_field_name, None, True),
        "metaField": a.Field(_field_name),
        "granularity": a.Field(_granularity),
        "bucketMaxSpanSeconds": a.number(minimum=1, maximum=MAX_BUCKET_S),
        "bucketRoundingSeconds": a.number(minimum=1, maximum=MAX_BUCKET_S),
    },
    generic=False,
)


_BUCKETS = a.Arguments(
    "collMod.timeseries", {name: field for name, field in _TIMESERIES.fields.items() if not name.endswith("Field")}, generic=False
)


def check_buckets(spec: dict[str, Any]) -> dict[str, Any]:
    """Validate the `timeseries` argument of collMod and return it with None for absent options.

    Raises:
        CommandError: 14 for a wrong type, 2 for an invalid value, 40415 for an unknown field.
    """
    return _BUCKETS.parse(spec)


def change_expiry(options: dict[str, Any], seconds: int | str, now: Date) -> None:
    """Set or remove the expiry in the options of a clustered or time-series collection.

    Arguments:
        seconds: the new value, or `"off"` to remove the expiry.
        now: the current time.

    Raises:
        CommandError: 72 InvalidOptions.
    """
    options.pop("expireAfterSeconds", None)
    if type(seconds) is int:
        check_expiry(seconds, now)
        options["expireAfterSeconds"] = Int64(seconds)
    elif seconds != "off":
        raise CommandError(72, f"Invalid string value for the 'clusteredIndex::expireAfterSeconds' option. Got: '{seconds}'")


def parse_timeseries(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Validate the `timeseries` argument of create or `$out` and return it with None for absent options.

    Arguments:
        name: the argument's name for error messages, such as `create.timeseries`.

    Raises:
        CommandError: 40414, 40415 or 14 for invalid names and types, 2 for invalid values, 72 InvalidOptions for an invalid combination.
    """
    parsed = a.Arguments(name, _TIMESERIES.fields, generic=False).parse(spec)
    if "." in parsed["timeField"] or "." in (parsed["metaField"] or ""):
        raise CommandError(72, "'timeField' and 'metaField' must be top-level fields")
    if parsed["metaField"] in ("_id", parsed["timeField"]):
        raise CommandError(72, "'metaField' can be neither \"_id\" nor the same as 'timeField'")
    check_span(parsed)
    return parsed


def check_span(parsed: dict[str, Any]) -> None:
    """Raise if the options for the time span of buckets contradict each other.

    Raises:
        CommandError: 72 InvalidOptions.
    """
    span, rounding, granularity = (parsed[name] for name in ("bucketMaxSpanSeconds", "bucketRoundingSeconds", "granularity"))
    if rounding is None and span in (None, SPANS_S[granularity or "seconds"]):
        return
    if span != rounding or granularity is not None:
        text = "'bucketMaxSpanSeconds' and 'bucketRoundingSeconds' must be set together, be equal, and not be combined with 'granularity'"
        raise CommandError(72, text)


def check_clustered(args: dict[str, Any], now: Date) -> None:
    """Validate the create option `clusteredIndex` and its combination with other options.

    Arguments:
        now: the current time.

    Raises:
        CommandError: with MongoDB's code.
    """
    clustered = args["clusteredIndex"]
    if clustered is None:
        return
    if args["capped"]:
        raise CommandError(6049200, "A capped collection cannot be clustered")
    if clustered is True:
        raise CommandError(5979703, "'clusteredIndex: true' is only allowed for the bucket collections of time-series collections")
    if clustered is False:
        return
    if args["max"] is not None:
        raise CommandError(6049204, "'max' requires a capped collection, which cannot be clustered")
    parsed = _CLUSTERED.parse(clustered)
    key = parsed["key"]
    if list(key) != ["_id"] or not is_number(key["_id"]) or a.whole_number(key["_id"]) != 1:
        raise CommandError(197, "The clusteredIndex option is only supported for key: {_id: 1}")
    if not parsed["unique"]:
        raise CommandError(5979700, "The clusteredIndex option requires unique: true to be specified")
    if parsed["v"] != 2:
        raise CommandError(5979704, "The clusteredIndex option is only supported for v: 2")
    check_expiry(args["expireAfterSeconds"], now)


def clustered_index(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the stored form of a validated `clusteredIndex`."""
    return {"v": 2, "key": spec["key"], "name": spec.get("name", "_id_"), "unique": True}


def check_printable(values: list[Any]) -> None:
    """Raise if an `_id` of a clustered collection is a duplicate NaN or infinity. MongoDB raises this error because it cannot print the
    key.

    Raises:
        CommandError: 50819, 50826.
    """
    for value in values:
        number = python_number(value)
        if type(number) is float or type(value) is Decimal128:
            if number != number:
                raise CommandError(50819, "A document with the _id NaN already exists")
            if number in (float("inf"), float("-inf")):
                raise CommandError(50826, f"A document with the _id {value} already exists")


def check_timeseries(args: dict[str, Any], now: Date) -> None:
    """Validate the create option `timeseries` and its combination with other options.

    Arguments:
        now: the current time.

    Raises:
        CommandError: with MongoDB's code.
    """
    if args["timeseries"] is None:
        return
    _TIMESERIES.parse(args["timeseries"])
    for option in ("capped", "validator", "validationLevel", "validationAction", "idIndex", "viewOn"):
        if args[option]:
            raise CommandError(72, f"'{option}' is not allowed with 'timeseries'")
    parse_timeseries("create.timeseries", args["timeseries"])
    check_expiry(args["expireAfterSeconds"], now)


def check_expiry(seconds: int | None, now: Date) -> None:
    """Raise if a collection's `expireAfterSeconds` is greater than the number of seconds since 1970.

    Arguments:
        now: the current time.

    Raises:
        CommandError: 72 InvalidOptions.
    """
    highest = now.ms // 1000
    if seconds is not None and not 0 <= seconds <= highest:
        raise CommandError(72, f"'expireAfterSeconds' must be between 0 and the seconds since 1970, {highest}, not {seconds}")
