"""`$lookup`: adds an array of matching documents from another collection.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/lookup/
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.context import Cell
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.expressions.paths import validate_variable_name
from secantus_server.pipeline._paths import JoinPath
from secantus_server.pipeline.arguments import check_path, named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.joins.correlated_join import CorrelatedJoin
from secantus_server.pipeline.joins.hash_join import NULL_KEY, HashJoin
from secantus_server.pipeline.joins.index_join import IndexJoin
from secantus_server.pipeline.parse import parse_pipeline
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.run import Pipeline
from secantus_server.pipeline.source import SubPipeline
from secantus_server.pipeline.stage import Stage
from secantus_server.pipeline.stages._lookup import Joined, PointJoin
from secantus_server.pipeline.stages.unwind import Unwind

# A function that returns the joined documents of an outer document.
Find = Callable[[bytes], list[bytes]] | PointJoin
# A started join: this function, and a function to call after the last outer document or None.
Started = tuple[Find, Callable[[], None] | None]

FIELDS: dict[str, tuple[str, ...]] = {
    "from": (),
    "as": ("string",),
    "localField": ("string",),
    "foreignField": ("string",),
    "let": ("object",),
    "pipeline": (),
}

# The metadata that depends on how documents are read.
_OF_READS = frozenset(["indexKey", "recordId", "textScore"])


@dataclass(slots=True)
class Variables:
    """The variables of a `$lookup`'s `let`, and the expressions that compute their values for each outer document."""

    cells: dict[str, Cell]
    expressions: dict[str, Expression]

    def bind(self, document: bytes) -> None:
        """Evaluate all expressions for an outer document, then set the variables to the results."""
        values = {name: expression.evaluate(document) for name, expression in self.expressions.items()}
        for name, value in values.items():
            self.cells[name].value = value


@stage("$lookup")
class Lookup(Stage):
    """A parsed `$lookup`.

    Arguments:
        field: the output field for the joined documents.
        variables: the variables through which the sub-pipeline reads the outer document.
        finder: a factory that starts an execution and returns the started join.
        origin: the name of the collection to join, for error messages.
        max_bytes: the maximum total size of one outer document's joined documents.
    """

    one_to_one = True

    def __init__(self, field: str, variables: Variables, finder: Callable[[], Started], origin: str, max_bytes: int) -> None:
        super().__init__()
        self.field = field
        self.variables = variables
        self.finder = finder
        self.origin = origin
        self.max_bytes = max_bytes

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Lookup:
        """Parse `{$lookup: {from, localField, foreignField, let, pipeline, as}}`.

        Raises:
            CommandError: 9, 14, 40414, 40415 for a malformed argument, and the errors of paths, variables and the sub-pipeline.
        """
        if type(spec) is not dict:
            raise CommandError(9, f"the $lookup stage specification must be an object, but found {type_name(spec)}")
        _check_source(spec)
        fields = named_fields("$lookup", spec, FIELDS, ("as",))
        check_path(fields["as"])
        variables = _parse_let(fields.get("let", {}), ctx)
        finder = _parse_join(fields, variables, ctx)
        return cls(fields["as"], variables, finder, fields.get("from", ""), ctx.parse.limits.lookup)

    def changed_fields(self) -> frozenset[str]:
        """Return the top-level field that the joined documents are written to."""
        return frozenset([self.field.partition(".")[0]])

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the outer documents, each with its array of joined documents.

        Raises:
            CommandError: 4568 if the joined documents of one outer document exceed the limit.
        """
        bind = self.variables.bind if self.variables.cells else None
        find, end = self.finder()
        return Joined(source, self.field, find, bind, self.max_bytes, self._too_much, end)

    def precede(self, follower: Stage) -> None:
        """Remove the size limit if the next stage unwinds the joined documents, because MongoDB then does not build the whole array."""
        if isinstance(follower, Unwind) and follower.path == self.field:
            self.max_bytes = sys.maxsize

    def _too_much(self) -> CommandError:
        return CommandError(
            4568, f"Total size of documents in {self.origin} matching pipeline's $lookup stage exceeds {self.max_bytes} bytes"
        )


def _check_source(spec: dict[str, Any]) -> None:
    """Raise if `from` is invalid, or if it is missing although the pipeline does not begin with `$documents`."""
    pipeline = spec.get("pipeline")
    if "pipeline" in spec and type(pipeline) is not list:
        raise CommandError(14, f"'pipeline' option must be specified as an array, but found {type_name(pipeline)}")
    if "from" not in spec:
        first = pipeline[0] if pipeline else None
        if type(first) is not dict or "$documents" not in first:
            raise CommandError(9, "must specify 'pipeline' when 'from' is empty: the first stage of the pipeline must be $documents")
        return
    origin = spec["from"]
    if type(origin) is dict:
        named_fields("$lookup.from", origin, {"db": ("string",), "coll": ("string",)})
        raise CommandError(9, "$lookup with syntax {from: {db:<>, coll:<>},..} is not supported here")
    if type(origin) is not str:
        raise CommandError(9, f"$lookup argument 'from: {origin}' must be a string, is type {type_name(origin)}")
    if not origin:
        raise CommandError(73, "Invalid $lookup.from: the collection's name is empty")


def _parse_let(spec: dict[str, Any], ctx: PipelineContext) -> Variables:
    expressions = {}
    for name, value in spec.items():
        validate_variable_name(name)
        expressions[name] = parse_expression(value, ctx.parse)
    return Variables({name: Cell() for name in spec}, expressions)


def _parse_join(fields: dict[str, Any], variables: Variables, ctx: PipelineContext) -> Callable[[], Started]:
    """Return the factory of the join that the options describe."""
    local, foreign = fields.get("localField") or None, fields.get("foreignField") or None
    pipeline = fields.get("pipeline")
    if (local is None) != (foreign is None):
        raise CommandError(9, "$lookup requires both or neither of 'localField' and 'foreignField' to be specified")
    if pipeline is None and local is None:
        raise CommandError(9, "$lookup requires either 'pipeline' or both 'localField' and 'foreignField' to be specified")
    if pipeline is None and "let" in fields:
        raise CommandError(9, "$lookup with a 'let' argument must also specify 'pipeline'")
    if local is None or foreign is None:
        return _pipeline_join(fields, variables, ctx)
    check_path(local)
    check_path(foreign)
    return _field_join(fields.get("from"), local, foreign, pipeline or [], variables, ctx)


def _pipeline_join(fields: dict[str, Any], variables: Variables, ctx: PipelineContext) -> Callable[[], Started]:
    """Return the factory of a join by sub-pipeline. The sub-pipeline runs only once if it does not depend on the outer document."""
    sub = SubPipeline.parse("$lookup", fields.get("from"), fields["pipeline"], ctx, variables.cells)

    def start() -> Started:
        if variables.cells:
            join = CorrelatedJoin(sub, variables.cells, ctx.parse)
            return join.find, join.end if ctx.parse.notes_lookups else None
        found: list[list[bytes]] = []

        def once(_: bytes) -> list[bytes]:
            if not found:
                found.append(list(sub.documents()))
            return found[0]

        return once, None

    return start


def _field_join(
    origin: str | None, local: str, foreign: str, pipeline: list[Any], variables: Variables, ctx: PipelineContext
) -> Callable[[], Started]:
    """Return the factory of a join by equality of two fields. The sub-pipeline, if any, then processes the joined documents."""
    # Without a collection, the sub-pipeline's leading `$documents` is the source.
    sources = pipeline[:1] if origin is None else []
    base = SubPipeline.parse("$lookup", origin, sources, ctx, {})
    rest = pipeline[len(sources) :]
    after = parse_pipeline(rest, ctx.sub_pipeline("$lookup", origin or "", variables.cells)) if rest else Pipeline([])
    if after.metadata is not None and after.metadata.wanted & _OF_READS:
        # The documents that a join finds by a key have no metadata.
        raise not_supported("$meta in the pipeline of a $lookup with localField", "compare the fields in a $match with 'let' instead")
    collation = ctx.parse.collation

    def start() -> Started:
        found: Callable[[bytes], list[bytes]]
        end: Callable[[], None] | None = None
        by_index = base.equality_finder(foreign, collation)
        if by_index is not None:
            found = IndexJoin(by_index, local, collation).find
            by_key = base.point_finder(foreign, collation)
            if by_key is not None and not after.stages:
                return PointJoin(JoinPath(local, False, collation), by_key, found), None
        else:
            spill = ctx.spill("lookup", ctx.parse.limits.hash_lookup)
            table = HashJoin(base.documents, foreign, ctx.parse, base.join_notes(foreign), spill)
            found, end = _by_table(table, JoinPath(local, False, collation)), table.end if table.note is not None else None
        return found if not after.stages else _through(after, found), end

    return start


def _by_table(table: HashJoin, local: JoinPath) -> Callable[[bytes], list[bytes]]:
    return lambda document: table.find(local.keys(document) or (NULL_KEY,))


def _through(pipeline: Pipeline, found: Callable[[bytes], list[bytes]]) -> Callable[[bytes], list[bytes]]:
    return lambda document: list(pipeline.run(found(document)))
