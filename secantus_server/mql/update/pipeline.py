"""Updates in the form of an aggregation pipeline whose stages return exactly one document for each input document.

https://www.mongodb.com/docs/manual/tutorial/update-documents-with-aggregation-pipeline/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.bson import decode, encode, type_name
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import parse_expression
from secantus_server.mql.expressions.value_text import value_text
from secantus_server.mql.projection import parse_add_fields, parse_projection, parse_unset

DocumentChange = Callable[[bytes], bytes]

# The aggregation stages that exist but must not be used in an update. All other names are unknown.
_OTHER_STAGES = frozenset(
    [
        "$bucket",
        "$bucketAuto",
        "$changeStream",
        "$changeStreamSplitLargeEvent",
        "$collStats",
        "$count",
        "$currentOp",
        "$densify",
        "$documents",
        "$facet",
        "$fill",
        "$geoNear",
        "$graphLookup",
        "$group",
        "$indexStats",
        "$limit",
        "$listLocalSessions",
        "$listSampledQueries",
        "$listSearchIndexes",
        "$listSessions",
        "$lookup",
        "$match",
        "$merge",
        "$out",
        "$planCacheStats",
        "$querySettings",
        "$rankFusion",
        "$redact",
        "$sample",
        "$score",
        "$scoreFusion",
        "$search",
        "$searchMeta",
        "$setWindowFields",
        "$sharedDataDistribution",
        "$skip",
        "$sort",
        "$sortByCount",
        "$unionWith",
        "$unwind",
        "$vectorSearch",
    ]
)


def parse_pipeline(stages: list[Any], ctx: ParseContext) -> list[DocumentChange]:
    """Parse each stage of a pipeline into a function that converts one document to another.

    Raises:
        CommandError: 72 for a stage that is not allowed in updates, 40324 for an unknown stage, and the errors of the stages.
    """
    return [_parse_stage(stage, ctx) for stage in stages]


def check_stage_names(stages: list[Any]) -> None:
    """Check that all stage names in a pipeline are known.

    This check is separate because, as in MongoDB, an unknown name makes the whole update command fail before any statement is executed.

    Raises:
        CommandError: 40324 for an unknown stage.
    """
    for stage in stages:
        if type(stage) is dict and len(stage) == 1:
            _known_stage(next(iter(stage)))


def _known_stage(name: str) -> str:
    if name not in _STAGES and name not in _OTHER_STAGES:
        raise CommandError(40324, f"Unrecognized pipeline stage name: '{name}'")
    return name


def _parse_stage(stage: Any, ctx: ParseContext) -> DocumentChange:
    if type(stage) is not dict:
        raise CommandError(14, "Each element of the 'pipeline' array must be an object")
    if len(stage) != 1:
        raise CommandError(40323, "A pipeline stage specification object must contain exactly one field.")
    name, spec = next(iter(stage.items()))
    parse = _STAGES.get(name)
    if parse is not None:
        return parse(name, spec, ctx)
    raise CommandError(72, f"{_known_stage(name)} is not allowed to be used within an update")


def _parse_set(name: str, spec: Any, ctx: ParseContext) -> DocumentChange:
    if type(spec) is not dict:
        raise CommandError(40272, f"{name} specification stage must be an object, got {type_name(spec)}")
    return parse_add_fields(spec, ctx, stage=name).apply


def _parse_project(name: str, spec: Any, ctx: ParseContext) -> DocumentChange:
    if type(spec) is not dict:
        raise CommandError(15969, f"{name} specification must be an object")
    return parse_projection(spec, ctx, for_find=False).apply


def _parse_unset(_name: str, spec: Any, ctx: ParseContext) -> DocumentChange:
    return parse_unset(spec, ctx).apply


def _parse_replace_root(_name: str, spec: Any, ctx: ParseContext) -> DocumentChange:
    if type(spec) is not dict:
        raise CommandError(40229, f"expected an object as specification for $replaceRoot stage, got {type_name(spec)}")
    for option in spec:
        if option != "newRoot":
            raise CommandError(40415, f"BSON field '$replaceRoot.{option}' is an unknown field.")
    if "newRoot" not in spec:
        raise CommandError(40414, "BSON field '$replaceRoot.newRoot' is missing but a required field")
    return _replace_with(spec["newRoot"], "'newRoot' expression ", ctx)


def _parse_replace_with(_name: str, spec: Any, ctx: ParseContext) -> DocumentChange:
    return _replace_with(spec, "'replacement document'", ctx)


def _replace_with(spec: Any, what: str, ctx: ParseContext) -> DocumentChange:
    expression = parse_expression(spec, ctx)

    def run(doc: bytes) -> bytes:
        value = expression.evaluate(doc)
        if type(value) is dict:
            return encode(value)
        raise CommandError(40228, _not_an_object(what, value, doc))

    return run


def _not_an_object(what: str, value: Any, doc: bytes) -> str:
    shown = "MISSING" if value is MISSING else value_text(value)
    return (
        f"{what} must evaluate to an object, but resulting value was: {shown}. Type of resulting value: '{type_name(value)}'. "
        f"Input document: {value_text(decode(doc))}"
    )


_STAGES: dict[str, Callable[[str, Any, ParseContext], DocumentChange]] = {
    "$set": _parse_set,
    "$addFields": _parse_set,
    "$project": _parse_project,
    "$unset": _parse_unset,
    "$replaceRoot": _parse_replace_root,
    "$replaceWith": _parse_replace_with,
}
