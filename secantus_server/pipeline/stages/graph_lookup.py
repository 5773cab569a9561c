"""`$graphLookup`: adds to each document all documents that are reachable by following a field repeatedly.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/graphLookup/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bson.int64 import Int64

from secantus_server.bson import RawArray, is_number, key_string, type_name
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.pipeline._fields import FieldSetter
from secantus_server.pipeline._paths import JoinPath
from secantus_server.pipeline.arguments import check_path, whole_number
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.joins.hash_join import HashJoin
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.source import SubPipeline
from secantus_server.pipeline.stage import Stage

REQUIRED = ("from", "startWith", "connectFromField", "connectToField", "as")


@dataclass(frozen=True)
class Walk:
    """The parameters of a recursive search.

    Arguments:
        connect_from: the field whose values are looked up in the next step.
        connect_to: the field in which the values are looked up.
        max_depth: the maximum recursion depth, or None.
        depth_field: the output field for the depth, or None.
    """

    connect_from: str
    connect_to: str
    max_depth: int | None
    depth_field: str | None


@stage("$graphLookup")
class GraphLookup(Stage):
    """A parsed `$graphLookup`: a recursive join.

    Arguments:
        field: the output field for the found documents.
        start: the expression of the first values to look up.
        walk: the parameters of the search.
        reachable: the sub-pipeline with the documents that may be found.
    """

    one_to_one = True
    makes_many = True

    def __init__(self, field: str, start: Expression, walk: Walk, reachable: SubPipeline, ctx: PipelineContext) -> None:
        super().__init__()
        self.field = field
        self.start = start
        self.walk = walk
        self.reachable = reachable
        self.ctx = ctx

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> GraphLookup:
        """Parse `{$graphLookup: {from, startWith, connectFromField, connectToField, as, maxDepth, depthField, restrictSearchWithMatch}}`.

        Raises:
            CommandError: 40103, 40104, 40185, 40327, 40100 to 40102, 40105 for a malformed argument, and the errors of paths,
                expression and filter.
        """
        if type(spec) is not dict:
            raise CommandError(40327, f"the $graphLookup stage specification must be an object, but found {type_name(spec)}")
        for name, value in spec.items():
            _check_option(name, value)
        for name in REQUIRED:
            if name not in spec:
                raise CommandError(
                    40105,
                    "$graphLookup requires 'from', 'as', 'startWith', 'connectFromField', and 'connectToField' to be "
                    f"specified; '{name}' is missing",
                )
        for name in ("as", "connectFromField", "connectToField", "depthField"):
            if name in spec:
                check_path(spec[name])
        max_depth = _max_depth(spec["maxDepth"]) if "maxDepth" in spec else None
        walk = Walk(spec["connectFromField"], spec["connectToField"], max_depth, spec.get("depthField"))
        stages = [{"$match": spec["restrictSearchWithMatch"]}] if "restrictSearchWithMatch" in spec else []
        reachable = SubPipeline.parse("$lookup", spec["from"], stages, ctx, {})
        return cls(spec["as"], parse_expression(spec["startWith"], ctx.parse), walk, reachable, ctx)

    def changed_fields(self) -> frozenset[str]:
        """Return the top-level field that the found documents are written to."""
        return frozenset([self.field.partition(".")[0]])

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the input documents, each with the documents reachable from it."""
        max_bytes = self.ctx.kept_at_most(self.ctx.parse.limits.graph_lookup)
        note = None if self.reachable.whole.stages else self.reachable.join_notes(self.walk.connect_to)
        spill = self.ctx.spill("graphLookup", self.ctx.parse.limits.hash_lookup)
        table = HashJoin(self.reachable.documents, self.walk.connect_to, self.ctx.parse, note, spill)
        follow = JoinPath(self.walk.connect_from, False, self.ctx.parse.collation)
        setter = FieldSetter(self.field)
        for document in source:
            yield setter.set(document, RawArray(self._search(self._first_keys(document), table, follow, max_bytes)))
        table.end()

    def _first_keys(self, document: bytes) -> list[bytes]:
        value = self.start.evaluate(document)
        values = value if type(value) is list else [value]
        return [key_string(item, self.ctx.parse.collation) for item in values if item is not MISSING]

    def _search(self, keys: Iterable[bytes], table: HashJoin, follow: JoinPath, max_bytes: int | None) -> list[bytes]:
        """Return the reachable documents in breadth-first order, each document once.

        Raises:
            CommandError: 292 if the documents exceed the memory limit and disk use is not allowed. MongoDB can use the disk since version
                8.2.
        """
        found: dict[bytes, bytes] = {}
        asked: set[bytes] = set()
        frontier = set(keys)
        depth = used = 0
        while frontier and (self.walk.max_depth is None or depth <= self.walk.max_depth):
            self.check()
            asked |= frontier
            following: set[bytes] = set()
            for document in table.find(list(frontier)):
                if document not in found:
                    found[document] = self._with_depth(document, depth)
                    following.update(follow.keys(document))
                    used += len(document)
            if max_bytes is not None and used > max_bytes:
                raise CommandError(
                    292,
                    "Exceeded memory limit for $graphLookup, but didn't allow external spilling; pass allowDiskUse:true to opt in",
                )
            frontier = following - asked
            depth += 1
        return list(found.values())

    def _with_depth(self, document: bytes, depth: int) -> bytes:
        if self.walk.depth_field is None:
            return document
        return FieldSetter(self.walk.depth_field).set(document, Int64(depth))


def _check_option(name: str, value: Any) -> None:
    if name in ("startWith", "maxDepth"):
        return
    if name == "restrictSearchWithMatch":
        if type(value) is not dict:
            raise CommandError(40185, f"$graphLookup's 'restrictSearchWithMatch' argument must be an object, found {type_name(value)}")
    elif name in ("from", "as", "connectFromField", "connectToField", "depthField"):
        if name == "from" and type(value) is not str:
            raise CommandError(9, f"$graphLookup argument 'from' must be a string, is type {type_name(value)}")
        if type(value) is not str:
            raise CommandError(40103, f"expected string as argument for {name}, found: {type_name(value)}")
    else:
        raise CommandError(40104, f"Unknown argument to $graphLookup: {name}")


def _max_depth(value: Any) -> int:
    if not is_number(value):
        raise CommandError(40100, f"maxDepth must be numeric, found type: {type_name(value)}")
    depth = whole_number(value, 40102, "maxDepth could not be represented as a long long. ")
    if depth < 0:
        raise CommandError(40101, f"maxDepth requires a nonnegative argument, found: {depth}")
    return depth
