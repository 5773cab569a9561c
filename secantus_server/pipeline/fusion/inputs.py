"""The input pipelines of `$rankFusion` and `$scoreFusion`: their names, weights, stages and results.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/rankFusion/#input-pipelines
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from secantus_server.bson import is_number, key_string, type_name
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.expressions._nodes import FieldPath
from secantus_server.mql.metadata import SCORES, Metadata
from secantus_server.pipeline.arguments import named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.fusion.scores import parse_weight
from secantus_server.pipeline.parse import stage_name
from secantus_server.pipeline.registry import find_stage
from secantus_server.pipeline.source import SubPipeline
from secantus_server.pipeline.stages.geo_near import GeoNear
from secantus_server.reserved_names import BUCKETS

# The stages that a selection pipeline may contain, and the first stages that order its documents by a score.
SELECTING = frozenset(["$match", "$search", "$vectorSearch", "$sample", "$geoNear", "$sort", "$skip", "$limit"])
ORDERED_SOURCES = frozenset(["$search", "$vectorSearch", "$geoNear"])
SCORE_STAGES = frozenset(["$score"])

FUSIONS = frozenset(["$rankFusion", "$scoreFusion"])

_ID = FieldPath("_id")


@dataclass(frozen=True)
class Rules:
    """The rules that `$rankFusion` or `$scoreFusion` applies to its input pipelines.

    Arguments:
        stage: the name of the fusion stage.
        selecting: the stages that an input pipeline may contain.
        kind: `ranked` or `scored`.
        not_selecting, not_of_kind, empty, too_many_weights, negative_weight, unknown_weight: the error codes for violated rules.
    """

    stage: str
    selecting: frozenset[str]
    kind: str
    not_selecting: int
    not_of_kind: int
    empty: int
    negative_weight: int = 9460300
    too_many_weights: int = 9460301
    unknown_weight: int = 9967500


@dataclass(frozen=True)
class Row:
    """A document in the output of an input pipeline.

    Arguments:
        id: the key of the document's `_id`, which identifies the document across input pipelines.
        document: the document.
        order: the document's sort key in the pipeline's output. Documents of equal rank have equal keys.
        score: the document's score, or None.
        details: the document's scoreDetails, or None.
    """

    id: bytes
    document: bytes
    order: bytes
    score: float | None
    details: dict[str, Any] | None


@dataclass(frozen=True)
class Input:
    """A parsed input pipeline.

    Arguments:
        name: the pipeline's name.
        pipeline: the parsed stages with their source.
        weight: the weight of the pipeline's ranks or scores.
    """

    name: str
    pipeline: SubPipeline
    weight: float

    def rows(self) -> Iterator[Row]:
        """Run the pipeline and yield its documents with their order keys, scores and scoreDetails."""
        metadata = self.pipeline.own.metadata
        assert metadata is not None, "a sub-pipeline follows its documents' metadata"
        score = metadata.score_keyword()
        metadata.wanted |= metadata.available & {*SCORES, "scoreDetails"}
        order = _order(self.pipeline, metadata)
        for document in self.pipeline.documents():
            values = metadata.values
            yield Row(
                _id_key(document),
                document,
                order(document),
                None if score is None else values.get(score),
                values.get("scoreDetails"),
            )


def _id_key(document: bytes) -> bytes:
    value = _ID.evaluate(document)
    return key_string(None if value is MISSING else value)


def _order(pipeline: SubPipeline, metadata: Metadata) -> Callable[[bytes], bytes]:
    """Return a function that computes the order key of a document.

    The order key is the sort key of the pipeline's last `$sort`. Without a `$sort`, it is the distance from `$geoNear` or the score.
    """
    for stage in reversed(pipeline.own.stages):
        if stage.name == "$sort":
            return stage.pattern.key  # type: ignore[attr-defined, no-any-return]
    if pipeline.own.stages and isinstance(pipeline.own.stages[0], GeoNear):
        return lambda _document: key_string(metadata.values.get("geoNearDistance"))
    return lambda _document: key_string(-(metadata.values.get("score") or 0.0))


def parse_inputs(rules: Rules, pipelines: Any, weights: Any, ctx: PipelineContext) -> list[Input]:
    """Parse `input.pipelines` and `combination.weights`.

    Arguments:
        rules: the rules of the fusion stage.
        pipelines, weights: documents with one field for each input pipeline, keyed by its name.
        ctx: the context of the outer pipeline.

    Raises:
        CommandError: if a name, pipeline or weight is invalid, and the errors of the input pipelines' stages.
    """
    if ctx.collection is None:
        raise CommandError(73, f"{{aggregate: 1}} is not valid for '{rules.stage}'; a collection is required.")
    if not pipelines:
        raise CommandError(2, f"{rules.stage}.input.pipelines must contain at least one pipeline")
    target = ctx.host.target(ctx.db, ctx.collection)
    if ctx.collection.startswith(BUCKETS) or (target is not None and target.kind == "timeseries"):
        raise CommandError(10557301, f"{rules.stage} is not supported on time-series collections")
    parsed = {name: _parse_input(rules, name, stages, ctx) for name, stages in pipelines.items()}
    numbers = _parse_weights(rules, weights, parsed)
    return [Input(name, pipeline, numbers.get(name, 1.0)) for name, pipeline in parsed.items()]


def _parse_weights(rules: Rules, weights: dict[str, Any], pipelines: dict[str, SubPipeline]) -> dict[str, float]:
    if len(weights) > len(pipelines):
        raise CommandError(
            rules.too_many_weights,
            f"{rules.stage} has {len(weights)} weights for {len(pipelines)} pipelines",
        )
    for name in weights:
        if name not in pipelines:
            known = ", ".join(pipelines)
            raise CommandError(
                rules.unknown_weight, f"{rules.stage}.combination.weights names no input pipeline: {name}. Pipelines: {known}"
            )
    path = f"{rules.stage}.combination.weights"
    for name, value in weights.items():
        if not is_number(value):
            raise CommandError(13118, f"The weight {path}.{name} must be a number, not {type_name(value)}")
    return {name: parse_weight(f"{path}.{name}", value, math.inf, rules.negative_weight) for name, value in weights.items()}


def _parse_input(rules: Rules, name: str, stages: Any, ctx: PipelineContext) -> SubPipeline:
    _check_name(rules, name)
    if type(stages) is not list:
        text = f"BSON field '{rules.stage}.input.pipelines.{name}' is the wrong type '{type_name(stages)}', expected type 'array'"
        raise CommandError(14, text)
    if not stages:
        raise CommandError(rules.empty, f"{rules.stage} input pipeline cannot be empty: {name}")
    for index, stage in enumerate(stages):
        _check_stage(rules, name, stage, index)
    parsed = SubPipeline.parse(rules.stage, ctx.collection, stages, ctx, {})
    if not _is_of_kind(rules, stages, parsed):
        needs = "$sort" if rules.kind == "ranked" else "$score"
        text = f"All input pipelines of {rules.stage} must be {rules.kind} pipelines, but {name} neither begins with a {rules.kind} stage"
        raise CommandError(rules.not_of_kind, f"{text} nor contains a {needs} stage")
    return parsed


def _check_name(rules: Rules, name: str) -> None:
    path = f"{rules.stage}.input.pipelines"
    if name == "":
        raise CommandError(15998, f"{path}: the name of a pipeline cannot be an empty string")
    if name.startswith("$"):
        raise CommandError(16410, f"{path}: the name of a pipeline cannot start with '$': {name}")
    if "\0" in name:
        raise CommandError(16411, f"{path}: the name of a pipeline cannot contain a null byte")
    if "." in name:
        raise CommandError(16412, f"{path}: the name of a pipeline cannot contain '.': {name}")


def _check_stage(rules: Rules, name: str, stage: Any, index: int) -> None:
    """Raise if a stage is not allowed in an input pipeline, because it could change documents or is itself a fusion."""
    found = stage_name(stage)
    if found in FUSIONS and index:
        raise CommandError(10170100, f"{found} must be the first stage of the pipeline")
    if found in FUSIONS:
        raise CommandError(10473002, f"{rules.stage} cannot contain {found}: the input pipeline {name}")
    if found not in rules.selecting:
        # An unknown stage raises its own error.
        find_stage(found)
    if found not in rules.selecting:
        text = f"All input pipelines of {rules.stage} must be selection pipelines, which return documents unchanged, but {name} contains"
        raise CommandError(rules.not_selecting, f"{text} {found}")
    spec = stage.get("$geoNear")
    if type(spec) is dict and ("includeLocs" in spec or "distanceField" in spec):
        text = f"All input pipelines of {rules.stage} must be selection pipelines and return documents unchanged, but $geoNear of {name}"
        raise CommandError(rules.not_selecting, f"{text} has a distanceField or includeLocs")


def _is_of_kind(rules: Rules, stages: list[Any], parsed: SubPipeline) -> bool:
    if rules.kind == "ranked":
        return next(iter(stages[0])) in ORDERED_SOURCES or any("$sort" in stage for stage in stages)
    metadata = parsed.own.metadata
    return metadata is not None and metadata.score_keyword() is not None


def parse_combination(stage: str, spec: Any, known: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return the fields of the option `combination`, with empty `weights` by default.

    Raises:
        CommandError: 14 for a wrong type, 40415 for an unknown field.
    """
    found = named_fields(f"{stage}.combination", spec or {}, {"weights": ("object",), **known})
    found.setdefault("weights", {})
    return found
