"""`$collStats`: returns statistics of a collection.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/collStats/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bson.int64 import Int64

from secantus_server.bson import encode, int_value, is_number, type_name
from secantus_server.bson.numbers import INT32_MAX
from secantus_server.errors import CommandError
from secantus_server.pipeline.arguments import NUMBERS, check_type, named_fields, truncated
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage

FIELDS: dict[str, tuple[str, ...]] = {
    "latencyStats": ("object",),
    "storageStats": ("object",),
    "count": ("object",),
    "queryExecStats": ("object",),
    "operationStats": ("object",),
}
# The fields of `storageStats` that `scale` divides.
SCALED = frozenset(["size", "storageSize", "freeStorageSize", "totalIndexSize", "totalSize", "maxSize"])


@stage("$collStats")
class CollStats(Stage):
    """A parsed `$collStats`: the requested kinds of statistics and their options."""

    position = Position.FIRST
    in_facet = False
    stable_api = False

    def __init__(self, fields: dict[str, Any], ctx: PipelineContext) -> None:
        super().__init__()
        self.fields = fields
        self.ctx = ctx

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> CollStats:
        """Parse `{$collStats: {latencyStats, storageStats, count, queryExecStats}}`.

        Raises:
            CommandError: 5447000, 40415, 14, 31170, 2 for a malformed argument.
        """
        if type(spec) is not dict:
            raise CommandError(5447000, f"$collStats must take a nested object but found: $collStats: {type_name(spec)}")
        fields = named_fields("$collStats", spec, FIELDS)
        for name, options in fields.items():
            _check_options(name, options)
        return cls(fields, ctx)

    @classmethod
    def is_stable(cls, spec: Any) -> bool:
        """Return whether only a count is requested, because no other form of the stage is part of the Stable API."""
        return type(spec) is dict and list(spec) == ["count"]

    def check_view(self, namespace: str) -> None:
        """Raise if storage statistics or a count of a view are requested.

        Raises:
            CommandError: 166.
        """
        if self.fields.keys() - {"latencyStats", "operationStats"}:
            raise CommandError(166, f"Namespace {namespace} is a view, not a collection")

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield a single document with the requested statistics.

        Raises:
            CommandError: 26 if the collection does not exist.
        """
        ctx = self.ctx
        assert ctx.collection is not None, "the parser has checked that there is a collection"
        server = ctx.host
        document: dict[str, Any] = {"ns": f"{ctx.db}.{ctx.collection}", "host": server.address(), "localTime": ctx.parse.now}
        if "latencyStats" in self.fields:
            latencies = server.latencies(ctx.db, ctx.collection)
            document["latencyStats"] = _latency(latencies, bool(self.fields["latencyStats"].get("histograms")))
        if len(self.fields) > ("latencyStats" in self.fields) + ("operationStats" in self.fields):
            self._check_collection()
        if "storageStats" in self.fields:
            stats = server.collection_stats(ctx.db, ctx.collection) or {}
            document["storageStats"] = _scaled(stats, self.fields["storageStats"].get("scale"))
        if "count" in self.fields:
            document["count"] = int_value(server.collection_count(ctx.db, ctx.collection) or 0)
        if "queryExecStats" in self.fields:
            document["queryExecStats"] = {"collectionScans": {"total": Int64(0), "nonTailable": Int64(0)}}
        yield encode(document)

    def _check_collection(self) -> None:
        db, name = self.ctx.db, self.ctx.collection
        assert name is not None, "the parser has checked that there is a collection"
        target = self.ctx.host.target(db, name)
        if target is None:
            raise CommandError(
                26, f"Unable to retrieve storageStats in $collStats stage :: caused by :: Collection [{db}.{name}] not found."
            )


def _check_options(name: str, options: dict[str, Any]) -> None:
    """Validate the options of one kind of statistics."""
    if name == "latencyStats":
        named_fields("$collStats.latencyStats", options, {"histograms": ()})
        if "histograms" in options:
            check_type("$collStats.latencyStats.histograms", options["histograms"], ("bool",))
    elif name in ("count", "queryExecStats"):
        if options:
            raise CommandError(31170, f"{name} argument must be an empty object")
    elif options.get("scale") is not None:
        check_type("$collStats.storageStats.scale", options["scale"], NUMBERS)
        if truncated(options["scale"]) < 1:
            raise CommandError(2, f"BSON field 'scale' value must be >= 1, actual value '{options['scale']}'")


def _latency(latencies: dict[str, tuple[int, int]], histograms: bool) -> dict[str, Any]:
    """Return the `latencyStats` of a collection. Histograms are empty, because individual latencies are not recorded."""
    shown: dict[str, Any] = {}
    for name, (ops, micros) in {**latencies, "transactions": (0, 0)}.items():
        start: dict[str, Any] = {"histogram": []} if histograms else {}
        shown[name] = {**start, "latency": Int64(micros), "ops": Int64(ops), "queryableEncryptionLatencyMicros": Int64(0)}
    return shown


def _scaled(stats: dict[str, Any], scale: Any) -> dict[str, Any]:
    """Return the statistics with all sizes divided by the scale, plus the scale itself."""
    factor = 1 if scale is None else min(truncated(scale), INT32_MAX)
    found: dict[str, Any] = {
        name: int_value(int(value) // factor) if name in SCALED and is_number(value) else value for name, value in stats.items()
    }
    if "indexSizes" in found:
        found["indexSizes"] = {name: int_value(int(size) // factor) for name, size in found["indexSizes"].items()}
    return {**found, "scaleFactor": int_value(factor)}
