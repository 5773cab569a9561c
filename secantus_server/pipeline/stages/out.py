"""`$out`: replaces a collection with the pipeline's output.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/out/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.pipeline.arguments import named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage
from secantus_server.pipeline.targets.new_ids import with_ids
from secantus_server.pipeline.targets.timeseries import check_timeseries, check_timeseries_target
from secantus_server.reserved_names import INTERNAL_DATABASES

MAX_NAMESPACE_BYTES = 255
INVALID_DATABASE_CHARACTERS = frozenset('/\\. "$\0')


@stage("$out")
class Out(Stage):
    """A parsed `$out`.

    Arguments:
        db, collection: the namespace of the collection to replace.
        ctx: the context of the pipeline.
    """

    position = Position.LAST
    in_facet = False
    in_lookup = False
    in_union = False
    writes = True

    def __init__(self, db: str, collection: str, ctx: PipelineContext, timeseries: dict[str, Any] | None) -> None:
        super().__init__()
        self.db = db
        self.collection = collection
        self.ctx = ctx
        self.timeseries = timeseries

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Out:
        """Parse `{$out: "collection"}` or `{$out: {db, coll, timeseries}}`.

        Raises:
            CommandError: 16990, 14, 40414, 40415 for a malformed argument, 73, 20, 17385, 31321 for an invalid name, 166,
                17152, 7268700, 7406103 for a collection that cannot be replaced.
        """
        db, collection, timeseries = _target(spec, ctx)
        _check_names(db, collection)
        if timeseries is not None:
            check_timeseries(timeseries)
        _check_target(db, collection, timeseries, ctx)
        return cls(db, collection, ctx, timeseries)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Replace the collection with the input documents and yield nothing.

        Raises:
            CommandError: 11000, 121 and other write errors. In case of an error, the collection is unchanged.
        """
        documents = with_ids(source, self.ctx.parse.generate_object_id)
        bypass = self.ctx.bypass_document_validation
        self.ctx.host.replace_collection(self.db, self.collection, documents, bypass, self.timeseries)
        yield from ()

    def explain(self) -> dict[str, Any]:
        """Return the stage in the output format of explain."""
        return {self.name: {"coll": self.collection, "db": self.db}}


def _target(spec: Any, ctx: PipelineContext) -> tuple[str, str, dict[str, Any] | None]:
    if type(spec) is str:
        return ctx.db, spec, None
    if type(spec) is not dict:
        raise CommandError(16990, f"$out only supports a string or object argument, but found {type_name(spec)}")
    known: dict[str, tuple[str, ...]] = {"db": ("string",), "coll": ("string",), "timeseries": ("object",)}
    fields = named_fields("$out", spec, known, ("db", "coll"))
    return fields["db"], fields["coll"], fields.get("timeseries")


def _check_names(db: str, collection: str) -> None:
    if not db or not INVALID_DATABASE_CHARACTERS.isdisjoint(db):
        raise CommandError(73, f"Invalid namespace specified '{db}.{collection}'")
    if not collection or collection.startswith(".") or "\0" in collection:
        raise CommandError(73, f"Invalid namespace specified '{db}.{collection}'")
    if db in INTERNAL_DATABASES:
        raise CommandError(31321, f"Can't $out to internal database: {db}")
    if collection.startswith("system."):
        raise CommandError(17385, f"Can't $out to special collection: {collection}")
    if "$" in collection:
        raise CommandError(20, f"error with target namespace: Invalid collection name: {collection}")
    if len(f"{db}.{collection}".encode("utf-8", "surrogateescape")) > MAX_NAMESPACE_BYTES:
        raise CommandError(20, f"error with target namespace: Fully qualified namespace is too long. Namespace: {db}.{collection}")


def _check_target(db: str, collection: str, timeseries: dict[str, Any] | None, ctx: PipelineContext) -> None:
    target = ctx.host.target(db, collection)
    if target is None:
        return
    if timeseries is not None:
        check_timeseries_target(db, collection, timeseries, target)
    elif target.kind == "view":
        raise CommandError(166, f"Namespace {db}.{collection} is a view, not a collection")
    elif target.capped:
        raise CommandError(17152, f"namespace '{db}.{collection}' is capped so it can't be used for $out")
