"""Expressions over the metadata, as expressions over the buckets."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.query.bucket_expressions import OtherField, renamed_expression
from secantus_server.query.bucket_filters import SplitFilter, renamed, split_filter


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"$eq": ["$m.a", 1]}, {"$eq": ["$meta.a", 1]}),
        ({"$gt": [{"$size": "$$ROOT.m"}, "$$CURRENT.m.n"]}, {"$gt": [{"$size": "$$ROOT.meta"}, "$$CURRENT.meta.n"]}),
        ({"$eq": ["$$NOW", "m"]}, {"$eq": ["$$NOW", "m"]}),
        ({"$in": [{"$literal": "$other"}, {"$const": "$m"}]}, {"$in": [{"$literal": "$other"}, {"$const": "$m"}]}),
        ({"$getField": "m"}, {"$getField": "meta"}),
        ({"$getField": {"field": "v", "input": "$m"}}, {"$getField": {"field": "v", "input": "$meta"}}),
        (
            {"$let": {"vars": {"x": "$m.a"}, "in": {"$add": ["$$x", "$$limit"]}}},
            {"$let": {"vars": {"x": "$meta.a"}, "in": {"$add": ["$$x", "$$limit"]}}},
        ),
    ],
)
def test_paths_are_renamed(spec: Any, found: Any) -> None:
    assert renamed_expression(spec, "m") == found
    assert renamed({"$or": [{"$expr": spec}, {"m": 1}]}, "m") == {"$or": [{"$expr": found}, {"meta": 1}]}


@pytest.mark.parametrize(
    "spec",
    [
        "$v",
        "$$ROOT",
        "$$CURRENT.v",
        "$mm",
        {"$getField": "v"},
        {"$getField": {"field": "m.a"}},
        {"$let": {"vars": {"CURRENT": "$m"}, "in": "$m"}},
    ],
)
def test_other_fields(spec: Any) -> None:
    with pytest.raises(OtherField):
        renamed_expression({"$not": [spec]}, "m")
    assert renamed({"$expr": spec}, "m") is None


@pytest.mark.parametrize("spec", [{"$lt": [{"$rand": {}}, 0.5]}, {"$lt": ["$m", {"$add": [{"$rand": {}}, 1]}]}])
def test_random_numbers_are_for_measurements(spec: Any) -> None:
    clause = {"$or": [{"$expr": spec}, {"m": 1}]}
    assert split_filter({"m": 2, **clause}, "t", "m") == SplitFilter({"meta": 2}, clause)
