"""Time-series collections in the catalog: their options, and the two catalog rows of each collection.

As in MongoDB 8.2, a time-series collection `X` is a view over the collection `system.buckets.X`. The catalog row of `X` has the options
`viewOn` and `pipeline` of a view. The additional option `timeseries` identifies it as a time-series collection. The row of the buckets
collection has the same option `timeseries`.

https://www.mongodb.com/docs/manual/core/timeseries-collections/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import int_value
from secantus_server.records import record
from secantus_server.reserved_names import BUCKETS

UNPACK = "$_internalUnpackBucket"
GRANULARITIES = ("seconds", "minutes", "hours")
#: The maximum time between the first and the last measurement of a bucket, by granularity.
SPANS_S = {"seconds": 3600, "minutes": 86_400, "hours": 2_592_000}
#: The unit to which the start of a bucket is rounded down, by granularity.
ROUNDING_S = {"seconds": 60, "minutes": 3600, "hours": 86_400}

#: The first date that BSON can represent.
MIN_DATE_MS = -(2**63)

# The options that are copied to both rows.
_SHARED = ("collation", "expireAfterSeconds", "storageEngine", "indexOptionDefaults")


@record(frozen=True)
class Bucketing:
    """The rules that assign the measurements of a time-series collection to buckets.

    Arguments:
        time_field: the field that contains a measurement's time.
        meta_field: the field that identifies the series, or None.
        span_ms: the exclusive upper bound on the time between two measurements of a bucket.
        rounding_ms: the rounding interval. The start of a bucket is rounded down to a multiple of it.
    """

    time_field: str
    meta_field: str | None
    span_ms: int
    rounding_ms: int

    @classmethod
    def of(cls, timeseries: dict[str, Any]) -> Bucketing:
        """Return the bucketing rules that a collection's option `timeseries` defines."""
        span = int(timeseries["bucketMaxSpanSeconds"])
        rounding = timeseries.get("bucketRoundingSeconds") or ROUNDING_S[timeseries["granularity"]]
        return cls(timeseries["timeField"], timeseries.get("metaField"), span * 1000, int(rounding) * 1000)

    def start(self, time_ms: int) -> int:
        """Return the start time of a new bucket whose first measurement has the given time."""
        # The first of all dates may be no multiple of the interval, and there is none before it.
        return max(time_ms // self.rounding_ms * self.rounding_ms, MIN_DATE_MS)


def complete_options(given: dict[str, Any]) -> dict[str, Any]:
    """Return the option `timeseries` in the form that the catalog stores.

    Arguments:
        given: the validated arguments of create; None counts as absent.
    """
    found = {name: given[name] for name in ("timeField", "metaField") if given.get(name) is not None}
    span, rounding = given.get("bucketMaxSpanSeconds"), given.get("bucketRoundingSeconds")
    if rounding is not None:
        return {**found, "bucketRoundingSeconds": int_value(rounding), "bucketMaxSpanSeconds": int_value(span or rounding)}
    granularity = given.get("granularity") or "seconds"
    return {**found, "granularity": granularity, "bucketMaxSpanSeconds": SPANS_S[granularity]}


def view_options(name: str, timeseries: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return the options in the catalog row of a time-series collection.

    Arguments:
        name: the collection's name.
        timeseries: the complete option `timeseries`.
        options: the other options of create.
    """
    shared = {option: options[option] for option in _SHARED if option in options}
    pipeline = [{UNPACK: unpack_spec(timeseries)}]
    return {"timeseries": timeseries, **shared, "viewOn": BUCKETS + name, "pipeline": pipeline}


def unpack_spec(timeseries: dict[str, Any]) -> dict[str, Any]:
    """Return the argument of the stage that unpacks the buckets of a time-series collection."""
    spec = {"timeField": timeseries["timeField"]}
    if "metaField" in timeseries:
        spec["metaField"] = timeseries["metaField"]
    return {**spec, "bucketMaxSpanSeconds": timeseries["bucketMaxSpanSeconds"], "exclude": []}


def bucket_options(view: dict[str, Any]) -> dict[str, Any]:
    """Return the options in the catalog row of a time-series collection's buckets collection.

    Arguments:
        view: the options in the row of the time-series collection.
    """
    timeseries = view["timeseries"]
    shared = {option: view[option] for option in _SHARED if option in view}
    return {"validator": _validator(timeseries["timeField"]), "clusteredIndex": True, **shared, "timeseries": timeseries}


def shown_options(view: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a time-series collection in the form that listCollections reports."""
    return {name: value for name, value in view.items() if name not in ("viewOn", "pipeline")}


def default_index(timeseries: dict[str, Any]) -> dict[str, Any] | None:
    """Return the definition of the default index on a new buckets collection, or None if there is no metaField.

    The index is on the metadata, which identifies the series, and on the time.
    """
    meta, time = timeseries.get("metaField"), timeseries["timeField"]
    if meta is None:
        return None
    key = {"meta": 1, f"control.min.{time}": 1, f"control.max.{time}": 1}
    return {"v": 2, "key": key, "name": f"{meta}_1_{time}_1"}


def _validator(time_field: str) -> dict[str, Any]:
    bounds = {"bsonType": "object", "required": [time_field], "properties": {time_field: {"bsonType": "date"}}}
    control = {
        "bsonType": "object",
        "required": ["version", "min", "max"],
        "properties": {
            "version": {"bsonType": "number"},
            "min": bounds,
            "max": bounds,
            "closed": {"bsonType": "bool"},
            "count": {"bsonType": "number", "minimum": 1},
        },
        "additionalProperties": False,
    }
    properties = {"_id": {"bsonType": "objectId"}, "control": control, "data": {"bsonType": "object"}, "meta": {}}
    schema = {"bsonType": "object", "required": ["_id", "control", "data"], "properties": properties, "additionalProperties": False}
    return {"$jsonSchema": schema}
