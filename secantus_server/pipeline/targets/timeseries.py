"""Validation of `$out`'s option `timeseries`, and its comparison with the options of an existing collection.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/out/#time-series-collections
"""

from __future__ import annotations

from typing import Any

from secantus_server.errors import CommandError
from secantus_server.pipeline.arguments import NUMBERS, named_fields, truncated
from secantus_server.pipeline.host import TargetInfo

OPTIONS: dict[str, tuple[str, ...]] = {
    "timeField": ("string",),
    "metaField": ("string",),
    "granularity": ("string",),
    "bucketMaxSpanSeconds": NUMBERS,
    "bucketRoundingSeconds": NUMBERS,
}
GRANULARITIES = ("seconds", "minutes", "hours")
MAX_SPAN_SECONDS = 31_536_000
DEFAULT_SPANS = {"seconds": 3600, "minutes": 86_400, "hours": 2_592_000}


def check_timeseries(spec: dict[str, Any]) -> None:
    """Validate the value of the option `timeseries`.

    Raises:
        CommandError: 40414, 40415, 14 for invalid names and types, 2 for invalid values, 72 for an invalid combination.
    """
    fields = named_fields("$out.timeseries", spec, OPTIONS, ("timeField",))
    if fields.get("granularity") not in (None, *GRANULARITIES):
        raise CommandError(2, f"Enumeration value '{fields['granularity']}' for field '$out.timeseries.granularity' is not a valid value.")
    for name in ("timeField", "metaField"):
        _check_field(name, fields.get(name, "field"))
    for name in ("bucketMaxSpanSeconds", "bucketRoundingSeconds"):
        if name in fields and not 1 <= truncated(fields[name]) <= MAX_SPAN_SECONDS:
            raise CommandError(2, f"BSON field '{name}' value must be between 1 and {MAX_SPAN_SECONDS}")
    if fields.get("metaField") in ("_id", fields["timeField"]):
        raise CommandError(72, "The 'metaField' cannot be '_id' or the same as the 'timeField'")
    if "granularity" in fields and "bucketMaxSpanSeconds" in fields:
        raise CommandError(72, "'granularity' cannot be set together with 'bucketMaxSpanSeconds'")
    if ("bucketMaxSpanSeconds" in fields) != ("bucketRoundingSeconds" in fields):
        raise CommandError(72, "'bucketMaxSpanSeconds' and 'bucketRoundingSeconds' must be set together")
    if "bucketMaxSpanSeconds" in fields and truncated(fields["bucketMaxSpanSeconds"]) != truncated(fields["bucketRoundingSeconds"]):
        raise CommandError(72, "'bucketMaxSpanSeconds' and 'bucketRoundingSeconds' must be equal")


def _check_field(name: str, value: str) -> None:
    if not value or value.startswith("$") or "." in value or "\0" in value:
        raise CommandError(72, f"'{name}' must be a top-level field name")


def check_timeseries_target(db: str, collection: str, spec: dict[str, Any], target: TargetInfo) -> None:
    """Raise if an existing collection has other time-series options than `$out` requests.

    Raises:
        CommandError: 7268700 if it is not a time-series collection, 7406103 if its options differ.
    """
    if target.kind != "timeseries":
        raise CommandError(7268700, f"Cannot create a time-series collection from a non time-series collection: {db}.{collection}")
    if _comparable(spec) != _comparable(dict(target.timeseries)):
        raise CommandError(
            7406103, f"Time field, meta field and granularity must match the existing time-series collection {db}.{collection}"
        )


def _comparable(spec: dict[str, Any]) -> tuple[Any, ...]:
    granularity = spec.get("granularity") or "seconds"
    span = spec.get("bucketMaxSpanSeconds") or DEFAULT_SPANS[granularity]
    return spec.get("timeField"), spec.get("metaField"), truncated(span)
