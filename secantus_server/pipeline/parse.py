"""The pipeline parser, which converts a user's pipeline into stages and raises every error that does not depend on documents.

https://www.mongodb.com/docs/manual/core/aggregation-pipeline/
"""

from __future__ import annotations

from typing import Any

from secantus_server.errors import CommandError
from secantus_server.mql.metadata import Metadata
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.optimise import mark_handed_over, optimise
from secantus_server.pipeline.registry import UNSUPPORTED, find_stage
from secantus_server.pipeline.run import Pipeline
from secantus_server.pipeline.stage import Position, Stage

MAX_STAGES = 1000

# The restrictions on stages in sub-pipelines: class attribute, error code and message, by container.
CONTAINER_RULES: dict[str, tuple[str, int, str]] = {
    "$lookup": ("in_lookup", 51047, "{name} is not allowed within a $lookup's sub-pipeline"),
    "$unionWith": ("in_union", 31441, "{name} is not allowed within a $unionWith's sub-pipeline"),
}
# The stages that create new documents, which have no metadata.
WITHOUT_METADATA = frozenset(["$documents", "$group", "$bucket", "$bucketAuto", "$sortByCount", "$count", "$facet"])
# The stages after which each document still has its own metadata. They finish one document before they read the next one, or they store
# each document's metadata.
KEEPS_METADATA = frozenset(
    [
        *("$geoNear", "$match", "$project", "$addFields", "$set", "$unset", "$skip", "$limit", "$replaceRoot", "$replaceWith"),
        *(
            "$search",
            "$vectorSearch",
            "$rankFusion",
            "$scoreFusion",
            "$score",
            "$redact",
            "$unwind",
            "$sort",
            "$lookup",
            "$graphLookup",
            "$unionWith",
        ),
    ]
)
FACET_TEXT = "{name} is not allowed to be used within a $facet stage"


def parse_pipeline(stages: list[Any], ctx: PipelineContext) -> Pipeline:
    """Parse a pipeline or sub-pipeline.

    Arguments:
        stages: the list of stage documents.
        ctx: the context of the pipeline.

    Raises:
        CommandError: 40324 for an unknown stage, 40601 and 40602 for a misplaced stage, and each stage's own errors.
    """
    if len(stages) > MAX_STAGES:
        raise CommandError(7749501, f"Pipeline length must be no longer than {MAX_STAGES} stages.")
    if not stages:
        _check_namespace([], ctx)
        return Pipeline([], ctx.parse.metadata)
    classes = []
    for index, spec in enumerate(stages):
        name = stage_name(spec)
        if ctx.in_facet and name in UNSUPPORTED:
            raise CommandError(40600, FACET_TEXT.format(name=name))
        cls = find_stage(name)
        classes.append(cls)
        if ctx.api_strict and not cls.is_stable(spec[name]):
            raise CommandError(323, f"stage {name} is not allowed with 'apiStrict: true' in API Version 1")
        if index > 0 and name == "$match" and _has_text(spec[name]):
            raise CommandError(17313, "$match with $text is only allowed as the first pipeline stage")
    parsed = _without_empty_matches(_parse_stages(stages, classes, ctx))
    if ctx.container or ctx.in_facet:
        for stage in parsed:
            _check_container(stage, ctx)
    _check_namespace(parsed, ctx)
    _check_places(parsed, ctx)
    stages = optimise(parsed)
    if not ctx.container and ctx.collection is not None:
        mark_handed_over(stages)
    return Pipeline(stages, ctx.parse.metadata)


def _parse_stages(stages: list[Any], classes: list[type[Stage]], ctx: PipelineContext) -> list[Stage]:
    """Parse the stages, which are of these classes, in order. After each stage, record which metadata its documents have."""
    metadata = ctx.parse.metadata
    parsed = []
    for spec, cls in zip(stages, classes, strict=True):
        parsed.append(_parse_as(cls, next(iter(spec.values())), ctx))
        if metadata is not None:
            _follow(metadata, parsed[-1].name)
    return parsed


def _follow(metadata: Metadata, name: str) -> None:
    """Record how the stage `name` affects the metadata that later stages can read."""
    if name in WITHOUT_METADATA:
        metadata.lose()
    elif name == "$sample":
        metadata.available.add("randVal")
    elif name not in KEEPS_METADATA:
        metadata.is_mixed_up = True


def stage_name(spec: Any) -> str:
    """Return the name of the stage, which is the only field of a stage document.

    Raises:
        CommandError: 14 if the argument is not a document, 40323 if it does not have exactly one field.
    """
    if type(spec) is not dict:
        raise CommandError(14, "Each element of the 'pipeline' array must be an object")
    if len(spec) != 1:
        raise CommandError(40323, "A pipeline stage specification object must contain exactly one field.")
    name: str = next(iter(spec))
    return name


def parse_stage(spec: Any, ctx: PipelineContext) -> Stage:
    """Parse one stage document without checking its position in the pipeline.

    Raises:
        CommandError: the stage's own errors.
    """
    name = stage_name(spec)
    return _parse_as(find_stage(name), spec[name], ctx)


def _parse_as(cls: type[Stage], spec: Any, ctx: PipelineContext) -> Stage:
    """Parse the argument of a stage of the given class."""
    stage = cls.parse(spec, ctx)
    stage.spec = spec
    stage.check = ctx.host.check
    return stage


def _without_empty_matches(stages: list[Stage]) -> list[Stage]:
    """Return the stages without leading empty `$match` stages if a `$geoNear` follows them.

    Like MongoDB, the check that `$geoNear` is the first stage ignores empty filters.
    """
    index = 0
    while index < len(stages) and stages[index].name == "$match" and stages[index].spec == {}:
        index += 1
    return stages[index:] if index < len(stages) and stages[index].name == "$geoNear" else stages


def _check_namespace(stages: list[Stage], ctx: PipelineContext) -> None:
    """Raise if a stage does not fit the namespace: some stages require `aggregate: 1`, and all others require a collection."""
    first = stages[0] if stages else None
    if ctx.collection is None and ctx.container != "$facet":
        if first is None:
            raise CommandError(73, "{aggregate: 1} is not valid for an empty pipeline.")
        if not first.collectionless:
            raise CommandError(73, f"{{aggregate: 1}} is not valid for '{first.name}'; a collection is required.")
    for stage in stages:
        if stage.collectionless and ctx.collection is not None and (stage.position is not Position.FIRST or stage is first):
            raise CommandError(73, f"'{stage.name}' can only be run with {{aggregate: 1}}")


def _check_container(stage: Stage, ctx: PipelineContext) -> None:
    """Raise if a stage is not allowed in the sub-pipeline that contains it. The rules of `$facet` also apply to nested sub-pipelines."""
    rule = CONTAINER_RULES.get(ctx.container)
    if rule is not None and not getattr(stage, rule[0]):
        raise CommandError(rule[1], rule[2].format(name=stage.name))
    if ctx.in_facet and not stage.in_facet:
        raise CommandError(40600, FACET_TEXT.format(name=stage.name))


def _check_places(stages: list[Stage], ctx: PipelineContext) -> None:
    for index, stage in enumerate(stages):
        if ctx.read_concern != "local":
            _check_settings(stage, ctx)
        if stage.position is Position.FIRST and index > 0:
            code, text = stage.misplaced or (40602, f"{stage.name} is only valid as the first stage in a pipeline")
            raise CommandError(code, text)
        if stage.position is Position.LAST and index < len(stages) - 1:
            raise CommandError(40601, f"{stage.name} can only be the final stage in the pipeline")
        if index > 0:
            stages[0].check_follower(stage)
            stage.check_behind()
        if stage.needs_change_stream and stages[0].name != "$changeStream":
            raise CommandError(7182802, f"{stage.name} can only be used in a $changeStream pipeline")


def _check_settings(stage: Stage, ctx: PipelineContext) -> None:
    """Raise if a stage is not allowed with the command's read concern."""
    if stage.local_read_concern_only and ctx.read_concern != "local":
        raise CommandError(72, f"Aggregation stage {stage.name} requires read concern local but found {ctx.read_concern}")
    if stage.writes and ctx.read_concern == "linearizable":
        raise CommandError(72, f"{stage.name} cannot be used with a 'linearizable' read concern level")


def _has_text(filter: Any) -> bool:
    """Return whether a filter contains `$text`, at the top level or inside a logical operator."""
    if type(filter) is not dict:
        return False
    clauses = [clause for name in ("$and", "$or", "$nor") if type(filter.get(name)) is list for clause in filter[name]]
    return "$text" in filter or any(map(_has_text, clauses))
