"""Parsing of `$merge`'s argument.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/merge/#syntax
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from secantus_server.bson import type_name
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.context import Cell
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.expressions.paths import validate_variable_name
from secantus_server.pipeline.arguments import check_path, named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.parse import parse_pipeline, stage_name
from secantus_server.pipeline.run import Pipeline
from secantus_server.reserved_names import INTERNAL_DATABASES

FIELDS: dict[str, tuple[str, ...]] = {"into": (), "on": (), "let": ("object",), "whenMatched": (), "whenNotMatched": ("string",)}
_FORBIDDEN_IN_DATABASE = frozenset('/\\. "$\0')
WHEN_MATCHED = ("replace", "merge", "keepExisting", "fail", "pipeline")
WHEN_NOT_MATCHED = ("insert", "discard", "fail")
UPDATE_STAGES = frozenset(["$addFields", "$set", "$project", "$unset", "$replaceRoot", "$replaceWith", "$fill"])


@dataclass(frozen=True)
class MergeSpec:
    """The parsed argument of a `$merge`.

    Arguments:
        db, collection: the target namespace.
        on: the paths whose values identify a document.
        nullable: whether the values at the `on` paths may be null or missing.
        when_matched: `replace`, `merge`, `keepExisting`, `fail` or `pipeline`.
        when_not_matched: `insert`, `discard` or `fail`.
        stages: the unparsed stages of the `whenMatched` pipeline.
        cells, variables: the variables through which the pipeline reads the new document, and the expressions that compute them.
    """

    db: str
    collection: str
    on: tuple[str, ...]
    nullable: bool
    when_matched: str
    when_not_matched: str
    stages: list[Any]
    ctx: PipelineContext
    cells: dict[str, Cell] = field(default_factory=dict)
    variables: dict[str, Expression] = field(default_factory=dict)

    @cached_property
    def pipeline(self) -> Pipeline:
        """The parsed `whenMatched` pipeline. It is parsed when the first document matches, because MongoDB reports its errors only then."""
        return self._parse_pipeline(self.cells)

    def _parse_pipeline(self, cells: dict[str, Cell]) -> Pipeline:
        for spec in self.stages:
            name = stage_name(spec)
            if name not in UPDATE_STAGES or (name == "$fill" and "sortBy" in spec[name]):
                raise CommandError(72, f"{name} is not allowed to be used within an update")
        ctx = self.ctx.sub_pipeline("", self.collection, cells)
        return parse_pipeline(self.stages, replace(ctx, parse=ctx.parse.changed(defers_constant_errors=True)))

    def apply_pipeline(self, old: bytes, new: bytes) -> bytes:
        """Run the `whenMatched` pipeline on the existing document and return the result.

        Arguments:
            old: the existing document.
            new: the document to merge, from which `$$new` and the variables of `let` are computed.
        """
        values = {name: expression.evaluate(new) for name, expression in self.variables.items()}
        for name, value in values.items():
            self.cells[name].value = value
        # A variable without a value is undefined, and using it is an error.
        known = {name: cell for name, cell in self.cells.items() if cell.value is not MISSING}
        pipeline = self.pipeline if len(known) == len(self.cells) else self._parse_pipeline(known)
        [after] = pipeline.run([old])
        return after


def parse_merge(spec: Any, ctx: PipelineContext) -> MergeSpec:
    """Parse the argument of `$merge`.

    Raises:
        CommandError: 14, 40414, 40415 for a malformed argument, and the errors of each option.
    """
    short = type(spec) is str
    if short:
        spec = {"into": spec}
    if type(spec) is not dict:
        raise CommandError(14, f"$merge requires a string or object argument, but found {type_name(spec)}")
    fields = named_fields("$merge", spec, FIELDS, ("into",))
    db, collection = _parse_into(fields["into"], short, ctx)
    matched, stages = _parse_when_matched(fields.get("whenMatched", "merge"))
    not_matched = fields.get("whenNotMatched", "insert")
    if not_matched not in WHEN_NOT_MATCHED:
        raise CommandError(2, f"Enumeration value '{not_matched}' for field '$merge.whenNotMatched' is not a valid value.")
    if matched in ("keepExisting", "fail") and not_matched != "insert":
        raise CommandError(51181, f"Combination of {{whenMatched: {matched}, whenNotMatched: {not_matched}}} is not supported")
    cells, variables = _parse_let(fields, matched, ctx)
    on = _parse_on(fields["on"]) if "on" in fields else ("_id",)
    _check_target(db, collection, ctx)
    nullable = _check_index(db, collection, on, ctx)
    return MergeSpec(db, collection, on, nullable, matched, not_matched, stages, ctx, cells, variables)


def _parse_into(spec: Any, short: bool, ctx: PipelineContext) -> tuple[str, str]:
    """Return the database and collection of the target.

    Arguments:
        short: whether the user wrote `{$merge: name}`.
    """
    db = ctx.db
    if type(spec) is dict:
        fields = named_fields("$merge.into", spec, {"db": ("string",), "coll": ("string",)})
        if "coll" not in fields:
            raise CommandError(5786801, "$merge 'into' field must specify a 'coll' that is not empty, null or undefined")
        db, collection = fields.get("db") or ctx.db, fields["coll"]
    elif type(spec) is str:
        if not spec and not short:
            raise CommandError(5786800, "$merge 'into' field cannot be an empty string")
        collection = spec
    else:
        raise CommandError(51178, f"$merge 'into' field  must be either a string or an object, but found {type_name(spec)}")
    if not collection or collection.startswith(".") or not _FORBIDDEN_IN_DATABASE.isdisjoint(db):
        raise CommandError(73, f"Invalid $merge target namespace: '{db}.{collection}'")
    if db in INTERNAL_DATABASES:
        raise CommandError(31320, f"Cannot $merge to internal database: {db}")
    if collection.startswith("system."):
        raise CommandError(31319, f"Cannot $merge to special collection: {collection}")
    return db, collection


def _parse_when_matched(value: Any) -> tuple[str, list[Any]]:
    """Return the mode of `whenMatched`, and the pipeline's stages if the mode is `pipeline`."""
    if type(value) is list:
        for item in value:
            if type(item) is not dict:
                raise CommandError(14, "Each element of the 'pipeline' array must be an object")
        return "pipeline", value
    if type(value) is not str:
        raise CommandError(51191, f"$merge 'whenMatched' field must be either a string or an array, but found {type_name(value)}")
    if value not in WHEN_MATCHED or value == "pipeline":
        raise CommandError(2, f"Enumeration value '{value}' for field 'whenMatched' is not a valid value.")
    return value, []


def _parse_let(fields: dict[str, Any], matched: str, ctx: PipelineContext) -> tuple[dict[str, Cell], dict[str, Expression]]:
    """Return the variables of the `whenMatched` pipeline (`$$new` and the variables of `let`) and the expressions that compute them."""
    if "let" in fields and matched != "pipeline":
        raise CommandError(51199, f"Cannot use 'let' variables with 'whenMatched: {matched}' mode")
    spec = {"new": "$$ROOT", **fields.get("let", {})}
    if spec["new"] != "$$ROOT":
        raise CommandError(51273, "'let' may not define a value for the reserved 'new' variable other than '$$ROOT'")
    for name in spec:
        validate_variable_name(name)
    return {name: Cell() for name in spec}, {name: parse_expression(value, ctx.parse) for name, value in spec.items()}


def _parse_on(spec: Any) -> tuple[str, ...]:
    if type(spec) is str:
        paths = [spec]
    elif type(spec) is list:
        paths = spec
    else:
        raise CommandError(51186, f"$merge 'on' field  must be either a string or an array of strings, but found {type_name(spec)}")
    if not paths:
        raise CommandError(51187, "If explicitly specifying $merge 'on', must include at least one field")
    for index, path in enumerate(paths):
        if type(path) is not str:
            raise CommandError(51134, f"$merge 'on' array elements must be strings, but found {type_name(path)}")
        check_path(path)
        if path in paths[:index]:
            raise CommandError(31465, f"Found a duplicate field '{path}'")
    return tuple(paths)


def _check_target(db: str, collection: str, ctx: PipelineContext) -> None:
    target = ctx.host.target(db, collection)
    if target is not None and target.kind != "collection":
        raise CommandError(166, f"Namespace {db}.{collection} is a {target.kind}, not a collection")


def _check_index(db: str, collection: str, on: tuple[str, ...], ctx: PipelineContext) -> bool:
    """Raise if no unique index covers the `on` paths. Otherwise return whether that index also contains documents without these paths."""
    if on == ("_id",):
        return True
    index = ctx.host.unique_index(db, collection, on, ctx.parse.collation)
    if index is None:
        raise CommandError(51183, "Cannot find index to verify that join fields will be unique")
    return not index.sparse
