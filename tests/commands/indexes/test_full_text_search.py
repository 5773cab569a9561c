"""`$search` and `$searchMeta` on a server where search indexes are enabled."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from bson.binary import Binary
from bson.objectid import ObjectId
from pymongo.database import Database

from secantus_server import SecantusDBServer
from tests.failing import code

Documents = dict[str, Any]
ID = ObjectId("6b0138057fcf0b1b3f733615")
FIELDS = {
    "name": [{"type": "string"}, {"type": "token"}, {"type": "autocomplete"}],
    "body": {"type": "string", "analyzer": "lucene.english"},
    "tags": {"type": "string"},
    "key": {"type": "string", "analyzer": "lucene.keyword"},
    "n": {"type": "number"},
    "on": {"type": "date"},
    "yes": {"type": "boolean"},
    "id": {"type": "objectId"},
    "u": {"type": "uuid"},
    "deep": {"type": "document", "fields": {"text": {"type": "string"}, "inner": {"type": "document", "dynamic": True}}},
}
DOCUMENTS: list[Documents] = [
    {"_id": 1, "name": "The Quick Fox", "body": "Foxes are running", "n": 1, "tags": ["red", "fast animal"], "yes": True},
    {"_id": 2, "name": "quick quick hare", "body": "a hare runs", "n": 2.5, "tags": ["brown"], "on": datetime(2026, 1, 1), "yes": False},
    {
        "_id": 3,
        "name": "slow turtle",
        "body": None,
        "n": None,
        "id": ID,
        "u": Binary.from_uuid(UUID(int=1)),
        "deep": {"text": "fox"},
        "key": "a, b! (c)",
    },
    {"_id": 4, "deep": [{"text": "x"}, {"inner": {"a": "hidden fox"}}], "other": "quick", "key": "a*b"},
]


@pytest.fixture(scope="module")
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", search=True) as running:
        yield running


@pytest.fixture(autouse=True)
def filled(db: Database[Documents]) -> None:
    db.c.insert_many(DOCUMENTS)
    indexes = [{"definition": {"mappings": {"fields": FIELDS}}}, {"name": "all", "definition": {"mappings": {"dynamic": True}}}]
    db.command({"createSearchIndexes": "c", "indexes": indexes})


def ids(db: Database[Documents], operator: str, index: str = "default", **spec: Any) -> list[Any]:
    return [document["_id"] for document in db.c.aggregate([{"$search": {"index": index, operator: spec}}])]


@pytest.mark.parametrize(
    ("operator", "spec", "expected"),
    [
        ("text", {"query": "QUICK", "path": "name"}, [2, 1]),
        ("text", {"query": "the fox", "path": "name"}, [1]),
        ("text", {"query": "fox hare", "path": "name"}, [1, 2]),
        ("text", {"query": "quick hare", "path": "name", "matchCriteria": "all"}, [2]),
        ("text", {"query": ["fox", "turtle"], "path": ["name", "deep.text"]}, [3, 1]),
        ("text", {"query": "run", "path": "body"}, [1, 2]),
        ("text", {"query": "animal", "path": "tags"}, [1]),
        ("text", {"query": "fox", "path": "deep.inner.a"}, [4]),
        ("text", {"query": "quick", "path": "other"}, []),
        ("text", {"query": "1", "path": "n"}, []),
        ("phrase", {"query": "quick fox", "path": "name"}, [1]),
        ("phrase", {"query": "fox quick", "path": "name"}, []),
        ("phrase", {"query": "red fast", "path": "tags"}, []),
        ("phrase", {"query": ["quick quick", "slow"], "path": "name"}, [3, 2]),
        ("autocomplete", {"query": "qui", "path": "name"}, [1, 2]),
        ("autocomplete", {"query": "qui ha", "path": "name"}, [2]),
        ("autocomplete", {"query": "ha qui", "path": "name"}, [2]),
        ("autocomplete", {"query": "ha qui", "path": "name", "tokenOrder": "sequential"}, []),
        ("autocomplete", {"query": "q", "path": "name"}, []),
        ("wildcard", {"query": "qu*", "path": "name", "allowAnalyzedField": True}, [1, 2]),
        ("wildcard", {"query": ["?ox", "s*w"], "path": "name", "allowAnalyzedField": True}, [1, 3]),
        ("wildcard", {"query": "a*b? (c)", "path": "key"}, [3]),
        ("wildcard", {"query": "a\\*b", "path": "key"}, [4]),
        ("wildcard", {"query": "x", "path": "other"}, []),
        ("exists", {"path": "name"}, [1, 2, 3]),
        ("exists", {"path": "n"}, [1, 2]),
        ("exists", {"path": "other"}, []),
        ("equals", {"path": "yes", "value": True}, [1]),
        ("equals", {"path": "n", "value": 1.0}, [1]),
        ("equals", {"path": "n", "value": None}, [3]),
        ("equals", {"path": "name", "value": "slow turtle"}, [3]),
        ("equals", {"path": "name", "value": "slow"}, []),
        ("equals", {"path": "id", "value": ID}, [3]),
        ("equals", {"path": "u", "value": Binary.from_uuid(UUID(int=1))}, [3]),
        ("equals", {"path": "on", "value": datetime(2026, 1, 1)}, [2]),
        ("in", {"path": "n", "value": [1, 7, 2.5]}, [1, 2]),
        ("in", {"path": "yes", "value": False}, [2]),
        ("range", {"path": "n", "gt": 1}, [2]),
        ("range", {"path": "n", "gte": 1, "lt": 2.5}, [1]),
        ("range", {"path": "on", "lte": datetime(2026, 1, 1)}, [2]),
        ("range", {"path": "name", "gte": "s"}, [3]),
        ("compound", {"must": [{"text": {"query": "quick", "path": "name"}}], "mustNot": [{"equals": {"path": "n", "value": 1}}]}, [2]),
        ("compound", {"filter": {"exists": {"path": "name"}}, "should": [{"text": {"query": "turtle", "path": "name"}}]}, [3, 1, 2]),
        ("compound", {"mustNot": [{"exists": {"path": "name"}}]}, [4]),
        (
            "compound",
            {
                "should": [{"equals": {"path": "yes", "value": True}}, {"range": {"path": "n", "lt": 9}}],
                "minimumShouldMatch": 2,
            },
            [1],
        ),
    ],
)
def test_operators(db: Database[Documents], operator: str, spec: Documents, expected: list[int]) -> None:
    assert ids(db, operator, **spec) == expected


def test_scores_are_bm25(db: Database[Documents]) -> None:
    stages = [{"$search": {"text": {"query": "quick", "path": "name"}}}, {"$set": {"s": {"$meta": "searchScore"}}}]
    rarity = math.log(1 + (3 - 2 + 0.5) / 2.5)
    average = (3 + 3 + 2) / 3
    found = {document["_id"]: document["s"] for document in db.c.aggregate(stages)}
    assert found == pytest.approx(
        {number: rarity * count / (count + 1.2 * (0.25 + 0.75 * 3 / average)) for number, count in ((1, 1), (2, 2))}
    )


def test_score_options(db: Database[Documents]) -> None:
    def score(option: Documents) -> list[float]:
        stage = {"$search": {"equals": {"path": "n", "value": 1, "score": option}}}
        return [document["s"] for document in db.c.aggregate([stage, {"$project": {"s": {"$meta": "score"}}}])]

    assert score({"constant": {"value": 7}}) == [7.0]
    assert score({"boost": {"value": 3}}) == [3.0]


def test_a_dynamic_index(db: Database[Documents]) -> None:
    assert ids(db, "text", "all", query="quick", path="other") == [4]
    assert ids(db, "text", "all", query="fox", path=["deep.text", "deep.inner.a"]) == [3, 4]
    assert ids(db, "text", "none", query="quick", path="other") == []


def test_counts(db: Database[Documents]) -> None:
    search = {"text": {"query": "quick", "path": "name"}}
    assert list(db.c.aggregate([{"$searchMeta": search}])) == [{"count": {"lowerBound": 2}}]
    assert list(db.c.aggregate([{"$searchMeta": {**search, "count": {"type": "total"}}}])) == [{"count": {"total": 2}}]
    assert list(db.none.aggregate([{"$searchMeta": search}])) == [{"count": {"lowerBound": 0}}]


def test_writes_are_seen_at_once(server: SecantusDBServer, db: Database[Documents]) -> None:
    assert ids(db, "text", query="hen", path="name") == []
    with server.checkpoint():
        db.c.insert_one({"_id": 5, "name": "hen"})
        assert ids(db, "text", query="hen", path="name") == [5]
    assert ids(db, "text", query="hen", path="name") == []
    with db.client.start_session() as session, session.start_transaction():
        db.c.insert_one({"_id": 5, "name": "hen"}, session=session)
        stage = {"$search": {"text": {"query": "hen", "path": "name"}}}
        assert [document["_id"] for document in db.c.aggregate([stage], session=session)] == [5]
        assert list(db.c.aggregate([stage])) == []
        session.abort_transaction()


def test_in_fusions(db: Database[Documents]) -> None:
    search = [{"$search": {"text": {"query": "quick", "path": "name"}}}]
    ranked = {"$rankFusion": {"input": {"pipelines": {"a": search, "b": [{"$sort": {"_id": -1}}, {"$limit": 1}]}}}}
    assert [document["_id"] for document in db.c.aggregate([ranked])] == [2, 4, 1]
    scored = {"$scoreFusion": {"input": {"pipelines": {"a": search}, "normalization": "minMaxScaler"}}}
    assert [document["_id"] for document in db.c.aggregate([scored])] == [2, 1]


def test_a_view_of_results(db: Database[Documents]) -> None:
    stages = [{"$search": {"text": {"query": "quick", "path": "name"}}}, {"$set": {"s": {"$meta": "searchScore"}}}]
    db.command({"create": "v", "viewOn": "c", "pipeline": stages})
    assert [document["_id"] for document in db.v.find({"s": {"$gt": 0}})] == [2, 1]
    assert [document["_id"] for document in db.v.aggregate([{"$match": {"n": 1}}])] == [1]
    joined = db.c.aggregate([{"$match": {"_id": 4}}, {"$lookup": {"from": "v", "pipeline": [{"$limit": 1}], "as": "j"}}])
    assert [one["_id"] for one in next(joined)["j"]] == [2]
    ranked = {"$rankFusion": {"input": {"pipelines": {"a": [{"$sort": {"n": 1}}]}}}}
    assert [document["_id"] for document in db.v.aggregate([ranked])] == [1, 2]


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        (1, 8),
        ({}, 8),
        ({"text": {"query": "a", "path": "name"}, "exists": {"path": "n"}}, 8),
        ({"index": 1, "exists": {"path": "n"}}, 8),
        ({"text": 1}, 8),
        ({"text": {"path": "name"}}, 8),
        ({"text": {"query": "", "path": "name"}}, 8),
        ({"text": {"query": "a"}}, 8),
        ({"text": {"query": "a", "path": "name", "matchCriteria": "x"}}, 8),
        ({"text": {"query": "a", "path": {"wildcard": "*"}}}, 238),
        ({"text": {"query": "a", "path": "name", "fuzzy": {}}}, 238),
        ({"phrase": {"query": "a", "path": "name", "slop": 1}}, 238),
        ({"autocomplete": {"query": "a", "path": "body"}}, 8),
        ({"autocomplete": {"query": "a", "path": ["name", "body"]}}, 8),
        ({"autocomplete": {"query": "a", "path": "name", "tokenOrder": "x"}}, 8),
        ({"equals": {"path": "n"}}, 8),
        ({"equals": {"path": "body", "value": "x"}}, 8),
        ({"equals": {"path": "n", "value": {}}}, 8),
        ({"in": {"path": "n"}}, 8),
        ({"range": {"path": "n"}}, 8),
        ({"range": {"path": "n", "gt": 1, "lt": "x"}}, 8),
        ({"range": {"path": "yes", "gt": True}}, 8),
        ({"exists": {"path": ["n", "name"]}}, 8),
        ({"compound": {}}, 8),
        ({"compound": {"must": [1]}}, 8),
        ({"compound": {"should": [], "minimumShouldMatch": 1, "must": [{"exists": {"path": "n"}}]}}, 8),
        ({"compound": {"must": [{"near": {"path": "n", "origin": 1, "pivot": 1}}]}}, 238),
        ({"exists": {"path": "n", "score": {"function": {}}}}, 238),
        ({"wildcard": {"path": "name", "query": "*"}}, 8),
        ({"regex": {"path": "name", "query": "x"}}, 238),
        ({"exists": {"path": "n"}, "sort": {"n": 1}}, 238),
        ({"exists": {"path": "n"}, "highlight": {"path": "n"}}, 238),
    ],
)
def test_what_is_refused(db: Database[Documents], search: Any, expected: int) -> None:
    assert code(db, {"aggregate": "c", "pipeline": [{"$search": search}], "cursor": {}}) == expected


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ({}, 8),
        ({"mappings": 1}, 8),
        ({"mappings": {"fields": 1}}, 8),
        ({"mappings": {"fields": {"a": 1}}}, 8),
        ({"mappings": {"fields": {"a": {}}}}, 8),
        ({"mappings": {"fields": {"a": {"type": "geo"}}}}, 238),
        ({"mappings": {"fields": {"a": {"type": "document", "fields": {"b": {"type": "embeddedDocuments"}}}}}}, 238),
        ({"mappings": {"fields": {"a": {"type": "string", "analyzer": "mine"}}}}, 238),
        ({"mappings": {"dynamic": {"typeSet": "x"}}}, 238),
        ({"mappings": {}, "analyzer": {}}, 8),
        ({"mappings": {"fields": {"a": {"type": "string", "searchAnalyzer": 1}}}}, 8),
        ({"mappings": {"fields": {"a": {"type": "autocomplete", "minGrams": "x"}}}}, 8),
        ({"mappings": {}, "analyzer": "lucene.klingon"}, 238),
        ({"mappings": {}, "synonyms": []}, 238),
    ],
)
def test_definitions_that_are_refused(db: Database[Documents], definition: Any, expected: int) -> None:
    assert code(db, {"createSearchIndexes": "c", "indexes": [{"name": "x", "definition": definition}]}) == expected


def test_where_it_is_not_allowed(db: Database[Documents]) -> None:
    db.command({"create": "v", "viewOn": "c", "pipeline": []})
    stage = {"$search": {"exists": {"path": "n"}}}
    assert code(db, {"aggregate": "v", "pipeline": [stage], "cursor": {}}) == 238
    assert code(db, {"aggregate": "c", "pipeline": [{"$match": {}}, stage], "cursor": {}}) == 40602
    assert code(db, {"aggregate": "c", "pipeline": [{"$facet": {"f": [stage]}}], "cursor": {}}) == 40600
    vector = {"index": "default", "path": "n", "queryVector": [1], "limit": 1, "exact": True}
    assert code(db, {"aggregate": "c", "pipeline": [{"$vectorSearch": vector}], "cursor": {}}) == 8
