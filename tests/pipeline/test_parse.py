"""Parsing pipelines: stage names, positions, containers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from secantus_server.pipeline import parse_pipeline
from tests.pipeline.memory import MemoryHost, context, error

MERGE = {"$merge": {"into": "target"}}


@pytest.mark.parametrize(
    ("stages", "code", "text"),
    [
        ([{"$nothing": {}}], 40324, "Unrecognized pipeline stage name: '$nothing'"),
        ([{"$match": 5}, {"$nothing": {}}], 40324, "Unrecognized pipeline stage name: '$nothing'"),
        ([{}], 40323, "A pipeline stage specification object must contain exactly one field."),
        ([{"$limit": 1, "$skip": 1}], 40323, "A pipeline stage specification object must contain exactly one field."),
        ([5], 14, "Each element of the 'pipeline' array must be an object"),
        ([{"$limit": 1}] * 1001, 7749501, "Pipeline length must be no longer than 1000 stages."),
        ([{"$limit": 1}, {"$collStats": {}}], 40602, "$collStats is only valid as the first stage in a pipeline"),
        ([{"$limit": 1}, {"$geoNear": {"near": [0, 0]}}], 40603, "$geoNear was not the first stage in the pipeline."),
        ([{"$out": "a"}, {"$limit": 1}], 40601, "$out can only be the final stage in the pipeline"),
        ([MERGE, {"$limit": 1}], 40601, "$merge can only be the final stage in the pipeline"),
        ([{"$facet": {"a": [{"$out": "b"}]}}], 40600, "$out is not allowed to be used within a $facet stage"),
        ([{"$facet": {"a": [{"$facet": {"b": []}}]}}], 40600, "$facet is not allowed to be used within a $facet stage"),
        ([{"$lookup": {"from": "b", "pipeline": [MERGE], "as": "c"}}], 51047, "$merge is not allowed within a $lookup's sub-pipeline"),
        ([{"$unionWith": {"coll": "b", "pipeline": [MERGE]}}], 31441, "$merge is not allowed within a $unionWith's sub-pipeline"),
        ([{"$documents": []}], 73, "'$documents' can only be run with {aggregate: 1}"),
        ([{"$limit": 1}, {"$match": {"$text": {}}}], 17313, "$match with $text is only allowed as the first pipeline stage"),
    ],
)
def test_place_and_name_errors(stages: list[Any], code: int, text: str) -> None:
    found = error(stages)
    assert (found.code, found.message) == (code, text)


def test_a_known_stage_that_is_missing_says_so() -> None:
    found = error([{"$operationMetrics": {}}])
    assert found.code == 238
    assert "$operationMetrics is not supported by Secantus yet" in found.message


@pytest.mark.parametrize("stages", [[], [{"$match": {}}]])
def test_collectionless_needs_a_stage_that_makes_documents(stages: list[Any]) -> None:
    assert error(stages, context(collection=None)).code == 73


def test_collectionless_documents() -> None:
    pipeline = parse_pipeline([{"$documents": [{"a": 1}]}, {"$limit": 1}], context(collection=None))
    assert pipeline.collectionless
    assert not pipeline.writes


def test_sub_pipelines_are_not_too_deep() -> None:
    stages: list[Any] = [{"$limit": 1}]
    for _ in range(20):
        stages = [{"$lookup": {"from": "b", "pipeline": stages, "as": "c"}}]
    parse_pipeline(stages, context())
    assert error([{"$lookup": {"from": "b", "pipeline": stages, "as": "c"}}]).code == 232


def test_a_facet_minds_pipelines_inside_its_own() -> None:
    lookup = {"$lookup": {"from": "b", "pipeline": [{"$indexStats": {}}], "as": "c"}}
    parse_pipeline([lookup], context())
    assert error([{"$facet": {"a": [lookup]}}]).code == 40600


@pytest.mark.parametrize(
    ("change", "stage", "code"),
    [
        ({"api_strict": True}, {"$collStats": {}}, 323),
        ({"read_concern": "linearizable"}, {"$out": "b"}, 72),
        ({"read_concern": "majority"}, {"$planCacheStats": {}}, 72),
        ({"read_concern": "snapshot"}, {"$listSearchIndexes": {}}, 72),
    ],
)
def test_what_the_command_allows(change: dict[str, Any], stage: dict[str, Any], code: int) -> None:
    assert error([stage], replace(context(), **change)).code == code


def test_writes() -> None:
    assert parse_pipeline([MERGE], context(MemoryHost())).writes


def test_explain_shows_the_stages_as_they_were_written() -> None:
    assert parse_pipeline([{"$skip": 1}, {"$set": {"a": 1}}], context()).explain() == [{"$skip": 1}, {"$addFields": {"a": 1}}]
