"""`$rankFusion`, `$scoreFusion` and `$score`."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from pymongo.database import Database
from pymongo.errors import OperationFailure

from tests.failing import code
from tests.pipeline.memory import MemoryHost, context, error, run

DOCUMENTS = [{"_id": n, "a": n, "b": -n if n < 3 else 0} for n in range(5)]
BY_A = [{"$sort": {"a": -1}}]
SCORED = [{"$score": {"score": "$a"}}]


def rank(pipelines: Any, **others: Any) -> dict[str, Any]:
    return {"$rankFusion": {"input": {"pipelines": pipelines}, **others}}


def fuse(pipelines: Any, normalization: Any = "none", **others: Any) -> dict[str, Any]:
    return {"$scoreFusion": {"input": {"pipelines": pipelines, "normalization": normalization}, **others}}


@pytest.fixture(autouse=True)
def filled(db: Database[dict[str, Any]]) -> None:
    db.c.insert_many(DOCUMENTS)


def scores(db: Database[dict[str, Any]], *stages: Any) -> dict[Any, float]:
    """Return the documents' scores by `_id`, in the order of the result."""
    found = db.c.aggregate([*stages, {"$project": {"s": {"$meta": "score"}}}])
    return {document["_id"]: document["s"] for document in found}


def test_reciprocal_ranks_are_added(db: Database[dict[str, Any]]) -> None:
    found = scores(db, rank({"p": [*BY_A, {"$limit": 3}], "q": [{"$sort": {"a": 1}}, {"$limit": 3}]}))
    assert list(found) == [2, 0, 4, 1, 3]
    assert list(found.values()) == [2 / 63, 1 / 61, 1 / 61, 1 / 62, 1 / 62]


def test_peers_share_the_rank_of_the_first_of_them(db: Database[dict[str, Any]]) -> None:
    assert scores(db, rank({"p": [{"$sort": {"b": -1}}]})) == {0: 1 / 61, 3: 1 / 61, 4: 1 / 61, 1: 1 / 64, 2: 1 / 65}


def test_weights_multiply_and_default_to_one(db: Database[dict[str, Any]]) -> None:
    pipelines = {"p": [*BY_A, {"$limit": 1}], "q": [{"$sort": {"a": 1}}, {"$limit": 1}]}
    assert scores(db, rank(pipelines, combination={"weights": {"q": Decimal128("0.5")}})) == {4: 1 / 61, 0: 0.5 / 61}


def test_details_of_a_rank(db: Database[dict[str, Any]]) -> None:
    pipelines = {"p": BY_A, "q": [{"$match": {"a": 1}}, *SCORED, {"$sort": {"a": 1}}]}
    [found] = db.c.aggregate([rank({"p": BY_A}, scoreDetails=True), {"$limit": 1}, {"$project": {"d": {"$meta": "scoreDetails"}}}])
    assert found["d"]["value"] == 1 / 61
    assert found["d"]["description"].startswith("value output by reciprocal rank fusion algorithm")
    assert found["d"]["details"] == [{"inputPipelineName": "p", "rank": 1, "weight": 1, "details": []}]
    assert code(db, {"aggregate": "c", "pipeline": [rank(pipelines)], "cursor": {}}) == 9191103


def test_details_name_the_pipelines_without_the_document(db: Database[dict[str, Any]]) -> None:
    pipelines = {"p": BY_A, "q": [{"$sort": {"a": 1}}, {"$limit": 1}]}
    [found] = db.c.aggregate([rank(pipelines, scoreDetails=True), {"$match": {"a": 3}}, {"$set": {"d": {"$meta": "scoreDetails"}}}])
    assert [one["rank"] for one in found["d"]["details"]] == [2, "NA"]


def test_the_average_counts_a_missing_score_as_zero(db: Database[dict[str, Any]]) -> None:
    pipelines = {"p": SCORED, "q": [{"$match": {"a": 1}}, *SCORED]}
    assert scores(db, fuse(pipelines)) == {4: 2.0, 3: 1.5, 1: 1.0, 2: 1.0, 0: 0.0}
    assert scores(db, fuse(pipelines, combination={"weights": {"p": 0, "q": 2}})) == {1: 1.0, 0: 0.0, 2: 0.0, 3: 0.0, 4: 0.0}


@pytest.mark.parametrize(
    ("normalization", "expected"),
    [
        ("none", [4.0, 3.0, 2.0, 1.0, 0.0]),
        ("minMaxScaler", [1.0, 0.75, 0.5, 0.25, 0.0]),
        ("sigmoid", [1 / (1 + math.exp(-n)) for n in (4, 3, 2, 1, 0)]),
    ],
)
def test_normalizations(db: Database[dict[str, Any]], normalization: str, expected: list[float]) -> None:
    assert list(scores(db, fuse({"p": SCORED}, normalization)).values()) == pytest.approx(expected)
    score = {"$score": {"score": "$a", "normalization": normalization, "weight": 0.5}}
    assert list(scores(db, score, {"$sort": {"x": {"$meta": "score"}}}).values()) == pytest.approx([value / 2 for value in expected])


def test_an_expression_combines_the_scores(db: Database[dict[str, Any]]) -> None:
    expression = {"$add": [{"$multiply": ["$$p", 10]}, "$$q"]}
    stage = fuse({"p": SCORED, "q": SCORED}, combination={"method": "expression", "expression": expression}, scoreDetails=True)
    [found] = db.c.aggregate([stage, {"$limit": 1}, {"$project": {"d": {"$meta": "scoreDetails"}}}])
    details = found["d"]
    assert (details["value"], details["normalization"]) == (44.0, "none")
    assert details["combination"] == {
        "method": "custom expression",
        "expression": "{ string: { $add: [ { $multiply: [ '$$p', 10 ] }, '$$q' ] } }",
    }
    assert details["details"][0] == {"inputPipelineName": "p", "inputPipelineRawScore": 4.0, "weight": 1.0, "value": 4.0, "details": []}


def test_a_text_search_has_a_score(db: Database[dict[str, Any]]) -> None:
    db.t.insert_many([{"_id": 1, "t": "a fox"}, {"_id": 2, "t": "fox fox hen"}, {"_id": 3, "t": "hen"}])
    db.t.create_index([("t", "text")])
    search = {"$match": {"$text": {"$search": "fox"}}}
    wanted = {found["_id"]: found["s"] for found in db.t.aggregate([search, {"$project": {"s": {"$meta": "textScore"}}}])}
    for keyword in ("score", "textScore"):
        assert {d["_id"]: d["s"] for d in db.t.aggregate([search, {"$project": {"s": {"$meta": keyword}}}])} == wanted
    fused = db.t.aggregate([fuse({"p": [search]}), {"$project": {"s": {"$meta": "score"}}}])
    assert {d["_id"]: d["s"] for d in fused} == wanted


def test_a_near_search_is_ranked(db: Database[dict[str, Any]]) -> None:
    db.g.insert_many([{"_id": n, "at": [n, 0]} for n in (2, 0, 1)])
    db.g.create_index([("at", "2d")])
    found = db.g.aggregate([rank({"p": [{"$geoNear": {"near": [0, 0]}}]})])
    assert [document["_id"] for document in found] == [0, 1, 2]
    with_distance = rank({"p": [{"$geoNear": {"near": [0, 0], "distanceField": "d"}}]})
    assert code(db, {"aggregate": "g", "pipeline": [with_distance], "cursor": {}}) == 9191103


def test_details_of_a_score(db: Database[dict[str, Any]]) -> None:
    stages = [
        {"$match": {"a": 2}},
        {"$score": {"score": {"$add": ["$a", 1]}, "normalization": "none", "weight": 0.5, "scoreDetails": True}},
        {"$project": {"d": {"$meta": "scoreDetails"}}},
    ]
    [found] = db.c.aggregate(stages)
    details = {name: value for name, value in found["d"].items() if name != "description"}
    expected = {"value": 1.5, "rawScore": 3, "normalization": "none", "weight": 0.5, "details": []}
    assert details == {**expected, "expression": "{ string: { $add: [ '$a', 1 ] } }"}


def test_a_later_score_reads_the_earlier_one(db: Database[dict[str, Any]]) -> None:
    again = {"$score": {"score": {"$multiply": [{"$meta": "score"}, 10]}}}
    assert scores(db, *SCORED, again, {"$match": {"a": {"$gt": 2}}}) == {3: 30.0, 4: 40.0}


def test_views_and_joins(db: Database[dict[str, Any]]) -> None:
    db.command({"create": "v", "viewOn": "c", "pipeline": [{"$match": {"a": {"$gt": 2}}}]})
    stage = rank({"p": BY_A, "q": [{"$sort": {"a": 1}}, {"$limit": 1}]})
    assert [document["_id"] for document in db.v.aggregate([stage])] == [3, 4]
    joined = db.c.aggregate([{"$match": {"a": 0}}, {"$lookup": {"from": "v", "pipeline": [stage], "as": "j"}}])
    assert [document["_id"] for document in next(joined)["j"]] == [3, 4]
    united = db.none.aggregate([{"$unionWith": {"coll": "v", "pipeline": [stage]}}, {"$project": {"s": {"$meta": "score"}}}])
    assert [document["s"] for document in united] == [1 / 61 + 1 / 62, 1 / 61]


@pytest.mark.parametrize("stage", [rank({"p": BY_A}), fuse({"p": SCORED}), SCORED[0]])
def test_a_view_cannot_contain_it(db: Database[dict[str, Any]], stage: dict[str, Any]) -> None:
    assert code(db, {"create": "v", "viewOn": "c", "pipeline": [stage]}) == 167
    assert code(db, {"aggregate": "c", "pipeline": [stage], "cursor": {}, "apiVersion": "1", "apiStrict": True}) == 323


@pytest.mark.parametrize("stage", [rank({"p": BY_A, "q": [*BY_A, {"$limit": 2}]}), fuse({"p": SCORED})])
def test_in_a_facet_it_reads_the_collection(db: Database[dict[str, Any]], stage: dict[str, Any]) -> None:
    alone = list(db.c.aggregate([stage]))
    facet = {"$facet": {"f": [stage], "n": [{"$count": "n"}]}}
    assert list(db.c.aggregate([facet])) == [{"f": alone, "n": [{"n": db.c.count_documents({})}]}]
    [united] = db.none.aggregate([{"$unionWith": {"coll": "c", "pipeline": [facet]}}])
    assert united["f"] == alone
    joined = {"$lookup": {"from": "c", "pipeline": [facet], "as": "j"}}
    for pipeline in ([{"$match": {"a": 1}}, facet], [joined]):
        assert code(db, {"aggregate": "c", "pipeline": pipeline, "cursor": {}}) == 238


def test_stages_that_are_none(db: Database[dict[str, Any]]) -> None:
    for element, expected in (("x", 14), (None, 14), ([BY_A[0]], 14), ({}, 40323), ({"$match": {}, "$limit": 1}, 40323)):
        stage = rank({"p": [*BY_A, element]})
        assert code(db, {"aggregate": "c", "pipeline": [stage], "cursor": {}}) == expected


def test_a_time_series_is_refused(db: Database[dict[str, Any]]) -> None:
    db.create_collection("ts", timeseries={"timeField": "t"})
    assert code(db, {"aggregate": "ts", "pipeline": [rank({"p": BY_A})], "cursor": {}}) == 10557301


def test_several_pipelines_in_a_transaction_are_a_union(db: Database[dict[str, Any]]) -> None:
    with db.client.start_session() as session:
        session.start_transaction()
        assert len(list(db.c.aggregate([rank({"p": BY_A})], session=session))) == 5
        with pytest.raises(OperationFailure) as caught:
            db.c.aggregate([rank({"p": BY_A, "q": BY_A})], session=session)
        assert caught.value.code == 263


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ({"$rankFusion": 1}, 9),
        ({"$rankFusion": {}}, 40414),
        ({"$rankFusion": {"input": {}}}, 40414),
        ({"$rankFusion": {"input": 1}}, 14),
        (rank({"p": BY_A}, x=1), 40415),
        (rank({"p": BY_A}, scoreDetails=1), 14),
        (rank({}), 2),
        (rank({"p": 1}), 14),
        (rank({"p": []}), 9834300),
        (rank({"": BY_A}), 15998),
        (rank({"$p": BY_A}), 16410),
        (rank({"a.b": BY_A}), 16412),
        (rank({"p": [{"$match": {"a": 1}}]}), 9191100),
        (rank({"p": [*BY_A, {"$set": {"x": 1}}]}), 9191103),
        (rank({"p": [rank({"p": BY_A})]}), 10473002),
        (rank({"p": [*BY_A, fuse({"p": SCORED})]}), 10170100),
        (rank({"p": [*BY_A, {"$nothing": 1}]}), 40324),
        (rank({"p": BY_A}, combination={"weights": {"p": -1}}), 9460300),
        (rank({"p": BY_A}, combination={"weights": {"p": "1"}}), 13118),
        (rank({"p": BY_A}, combination={"weights": None}), 40414),
        (rank({"p": BY_A}, combination={}), 40414),
        (rank({"p": BY_A}, combination={"weights": {"p": 1, "q": 1}}), 9460301),
        (rank({"p": BY_A}, combination={"weights": {"q": 1}}), 9967500),
        (rank({"p": BY_A}, combination={"method": "avg"}), 40415),
        ({"$scoreFusion": {"input": {"pipelines": {"p": SCORED}}}}, 40414),
        (fuse({"p": SCORED}, "x"), 2),
        (fuse({"p": BY_A}), 9402500),
        (fuse({"p": [*SCORED, {"$set": {"x": 1}}]}), 9402502),
        (fuse({"p": []}), 9402503),
        (fuse({"p": SCORED}, combination={"method": "x"}), 2),
        (fuse({"p": SCORED}, combination={"method": "expression"}), 10017300),
        (fuse({"p": SCORED}, combination={"expression": "$$p"}), 10017301),
        (fuse({"p": SCORED}, combination={"method": "expression", "expression": "$$p", "weights": {"p": 1}}), 9),
        (fuse({"p": SCORED}, combination={"method": "expression", "expression": "$$nothing"}), 17276),
        ({"$score": 1}, 9),
        ({"$score": {}}, 40414),
        ({"$score": {"score": 1, "weight": 2}}, 2),
        ({"$score": {"score": 1, "weight": "x"}}, 14),
        ({"$score": {"score": 1, "normalization": "x"}}, 2),
        ({"$score": {"score": 1, "x": 1}}, 40415),
    ],
)
def test_malformed_arguments(stage: dict[str, Any], expected: int) -> None:
    assert error([stage], context(MemoryHost())).code == expected


@pytest.mark.parametrize("stage", [rank({"p": BY_A}), fuse({"p": SCORED})])
def test_it_must_be_first(stage: dict[str, Any]) -> None:
    assert error([{"$match": {}}, stage]).code == 10170100


@pytest.mark.parametrize("stage", [rank({"p": BY_A}), fuse({"p": SCORED})])
def test_it_needs_a_collection(db: Database[dict[str, Any]], stage: dict[str, Any]) -> None:
    assert code(db, {"aggregate": 1, "pipeline": [stage], "cursor": {}}) == 73
    assert list(db.none.aggregate([stage])) == []


def test_variables_of_a_lookup_reach_the_input_pipelines(db: Database[dict[str, Any]]) -> None:
    stage = rank({"p": [{"$match": {"$expr": {"$gt": ["$a", "$$a"]}}}, *BY_A]})
    lookup = {"$lookup": {"from": "c", "let": {"a": "$a"}, "pipeline": [stage], "as": "j"}}
    joined = db.c.aggregate([{"$match": {"a": {"$gt": 1}}}, {"$sort": {"a": 1}}, lookup])
    assert [[one["_id"] for one in document["j"]] for document in joined] == [[4, 3], [4], []]


@pytest.mark.parametrize("size", [0, 2])
def test_batches(db: Database[dict[str, Any]], size: int) -> None:
    found = db.c.aggregate([rank({"p": BY_A}), {"$project": {"s": {"$meta": "score"}}}], batchSize=size)
    assert [document["s"] for document in found] == [1 / (61 + n) for n in range(5)]


def test_a_score_that_is_no_number(db: Database[dict[str, Any]]) -> None:
    for value in ("x", None, "$missing"):
        command = {"aggregate": "c", "pipeline": [{"$score": {"score": value}}], "cursor": {}}
        assert code(db, command) == 14


def test_documents_without_a_score_have_no_metadata() -> None:
    assert run([{"$project": {"s": {"$meta": "score"}}}], [{"_id": 1}]) == [{"_id": 1}]
