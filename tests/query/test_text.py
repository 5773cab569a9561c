"""`$text` with a text index: commands, plans, errors, scores, and the same answers as a scan without the index."""

from __future__ import annotations

from typing import Any

import pytest
from bson.raw_bson import RawBSONDocument
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.bson import encode
from secantus_server.mql.text.definition import TextDefinition
from secantus_server.mql.text.search import TextSearch
from secantus_server.mql.text.tokens import Sensitivity
from tests.failing import code
from tests.one_server import client, db, server

__all__ = ["client", "db", "server"]

SCORE = {"s": {"$meta": "textScore"}}
FOX = {"$text": {"$search": "fox"}}


@pytest.fixture
def words(db: Database) -> Database:
    db.c.create_index([("a", "text")])
    db.c.insert_many([{"_id": 1, "a": "fox"}, {"_id": 2, "a": "brown foxes", "n": 1}, {"_id": 3, "a": "dog", "n": 1}])
    return db


def ids(documents: Any) -> list[Any]:
    return [document["_id"] for document in documents]


def test_reads(words: Database) -> None:
    assert sorted(ids(words.c.find(FOX))) == [1, 2]
    assert words.c.count_documents(FOX) == 2
    assert words.command("count", "c", query=FOX)["n"] == 2
    assert words.c.distinct("a", {**FOX, "n": 1}) == ["brown foxes"]
    assert ids(words.c.aggregate([{"$match": FOX}, {"$match": {"n": 1}}])) == [2]
    joined = [{"$lookup": {"from": "c", "as": "x", "pipeline": [{"$match": FOX}, {"$sort": {"_id": 1}}, {"$project": SCORE}]}}]
    words.other.insert_one({"_id": 1})
    assert [(one["_id"], one["s"]) for one in next(words.other.aggregate(joined))["x"]] == [(1, 1.1), (2, 0.75)]
    same = {"$match": {**FOX, "$expr": {"$eq": ["$_id", "$$id"]}}}
    for last, score in (({"$project": {"_id": 1, **SCORE}}, {"s": 1.1}), ({"$project": {"_id": 1}}, {})):
        correlated = [{"$lookup": {"from": "c", "as": "x", "let": {"id": "$_id"}, "pipeline": [same, last]}}]
        assert next(words.other.aggregate(correlated)) == {"_id": 1, "x": [{"_id": 1, **score}]}


def test_text_that_is_not_utf8(words: Database) -> None:
    words.c.insert_one(RawBSONDocument(encode({"_id": 4, "a": "XX cat"}).replace(b"XX", b"\xff\xfe")))
    assert ids(words.c.find({"$text": {"$search": "cats"}}, {"_id": 1})) == [4]
    assert words.command("validate", "c")["valid"]


def test_writes(words: Database) -> None:
    assert words.c.update_many(FOX, {"$set": {"n": 2}}).modified_count == 2
    found = words.c.find_one_and_update(FOX, {"$set": {"a": "wolf"}}, projection=SCORE, sort=[("s", {"$meta": "textScore"})])
    assert found == {"_id": 1, "a": "fox", "n": 2, "s": 1.1}
    assert words.c.delete_many(FOX).deleted_count == 1
    assert ids(words.c.find({"$text": {"$search": "wolves wolf"}})) == [1]
    assert words.c.delete_one({"$text": {"$search": "dog"}}).deleted_count == 1
    assert words.command("validate", "c")["valid"]


def test_a_view_is_searched(words: Database) -> None:
    words.create_collection("v", viewOn="c", pipeline=[])
    assert sorted(ids(words.v.find(FOX))) == [1, 2]
    assert {found["_id"]: found["s"] for found in words.v.find(FOX, SCORE)} == {f["_id"]: f["s"] for f in words.c.find(FOX, SCORE)}
    assert code(words, {"find": "v", "projection": SCORE}) == 40218


def test_a_view_searches(words: Database) -> None:
    words.create_collection("v", viewOn="c", pipeline=[{"$match": FOX}])
    scores = {found["_id"]: found["s"] for found in words.c.find(FOX, SCORE)}
    assert {found["_id"]: found["s"] for found in words.v.aggregate([{"$addFields": SCORE}])} == scores
    assert {found["_id"]: found["s"] for found in words.v.find({}, SCORE)} == scores
    by_score = [("s", {"$meta": "textScore"})]
    assert ids(words.v.find({}, sort=by_score)) == ids(words.c.find(FOX, sort=by_score))
    explained = words.command({"explain": {"find": "v", "projection": SCORE}, "verbosity": "executionStats"})
    assert "TEXT_MATCH" in str(explained)
    assert words.v.count_documents({}) == 2
    union = [{"$match": {"_id": -1}}, {"$unionWith": "v"}, {"$addFields": SCORE}]
    assert {found["_id"]: found["s"] for found in words.c.aggregate([{"$match": FOX}, *union])} == scores
    join = {"from": "v", "pipeline": [{"$addFields": SCORE}], "as": "found"}
    for document in words.c.aggregate([{"$lookup": join}]):
        assert {found["_id"]: found["s"] for found in document["found"]} == scores


def test_a_transaction_sees_its_own_entries(words: Database, client: MongoClient[Any]) -> None:
    with client.start_session() as session:
        session.start_transaction()
        words.c.insert_one({"_id": 9, "a": "another fox"}, session=session)
        assert sorted(ids(words.c.find(FOX, session=session))) == [1, 2, 9]
        assert sorted(ids(words.c.find(FOX))) == [1, 2]
        session.abort_transaction()
    assert sorted(ids(words.c.find(FOX, SCORE))) == [1, 2]


def test_scores(words: Database) -> None:
    by_score = [("s", {"$meta": "textScore"})]
    assert [(one["_id"], one["s"]) for one in words.c.find(FOX, SCORE).sort(by_score)] == [(1, 1.1), (2, 0.75)]
    assert ids(words.c.find(FOX).sort(by_score).limit(1)) == [1]
    pipeline: list[dict[str, Any]] = [
        {"$match": FOX},
        {"$sort": {"s": {"$meta": "textScore"}}},
        {"$addFields": {"twice": {"$multiply": [2, {"$meta": "textScore"}]}}},
        {"$project": {"twice": 1, "k": {"$meta": "sortKey"}}},
    ]
    assert list(words.c.aggregate(pipeline)) == [{"_id": 1, "twice": 2.2, "k": [1.1]}, {"_id": 2, "twice": 1.5, "k": [0.75]}]
    assert list(words.c.aggregate([{"$match": FOX}, {"$group": {"_id": None, "sum": {"$sum": {"$meta": "textScore"}}}}])) == [
        {"_id": None, "sum": 1.85}
    ]


def test_scores_continue_in_later_batches(db: Database) -> None:
    db.c.create_index([("a", "text")])
    db.c.insert_many([{"_id": n, "a": "fox " * (n % 3 + 1)} for n in range(300)])
    found = db.c.find(FOX, SCORE, batch_size=20)
    first = [next(found) for _ in range(20)]
    db.c.delete_one({"_id": 299})
    db.c.update_one({"_id": 298}, {"$set": {"a": "wolf"}})
    rest = ids(found)
    assert set(ids(first)) | set(rest) >= set(range(298))
    assert not {298, 299} & set(rest) or {298, 299} <= set(ids(first))


def test_or_with_another_index(words: Database) -> None:
    words.c.create_index("n")
    either = {"$or": [FOX, {"n": 1}]}
    assert sorted(ids(words.c.find(either))) == [1, 2, 3]
    assert {one["_id"]: one.get("s") for one in words.c.find(either, SCORE)} == {1: 1.1, 2: 0.75, 3: None}
    assert code(words, {"find": "c", "filter": {"$or": [FOX, {"m": 1}]}}) == 291


def test_fields_around_the_text(db: Database) -> None:
    db.c.create_index([("x", 1), ("a", "text"), ("y", 1)])
    db.c.insert_many([{"_id": n, "x": n % 2, "a": "fox", "y": n} for n in range(6)] + [{"_id": 9, "a": "fox"}])
    assert sorted(ids(db.c.find({**FOX, "x": 1, "y": {"$gt": 1}}))) == [3, 5]
    assert ids(db.c.find({**FOX, "x": None})) == [9]
    assert code(db, {"find": "c", "filter": FOX}) == 291
    assert code(db, {"find": "c", "filter": {**FOX, "x": {"$gt": 0}}}) == 291
    assert db.command({"insert": "c", "documents": [{"x": [1], "a": "b"}]})["writeErrors"][0]["code"] == 16675


def test_a_unique_index(db: Database) -> None:
    db.c.create_index([("x", 1), ("a", "text")], unique=True)
    db.c.insert_many([{"_id": 1, "a": "fox"}, {"_id": 2, "a": "fox dog"}, {"_id": 3, "x": 1, "a": "fox"}])
    reply = db.command({"insert": "c", "documents": [{"_id": 4, "a": "fox"}]})["writeErrors"][0]
    assert (reply["code"], reply["keyValue"]) == (11000, {"x": None, "_fts": "fox", "_ftsx": 1.1})
    assert {one["_id"]: one["s"] for one in db.c.find({**FOX, "x": None}, SCORE)} == {1: 1.1, 2: 0.75}
    assert sorted(ids(db.c.find({**FOX, "x": None}))) == [1, 2]
    assert db.command("validate", "c")["valid"]


def test_a_partial_index(db: Database) -> None:
    db.c.create_index([("a", "text")], partialFilterExpression={"n": {"$gt": 1}})
    db.c.insert_many([{"_id": n, "n": n, "a": "fox"} for n in range(4)])
    assert sorted(ids(db.c.find({**FOX, "n": {"$gt": 1}}))) == [2, 3]
    assert code(db, {"find": "c", "filter": FOX}) == 291


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"find": "c", "filter": FOX, "hint": "_id_"}, 2),
        ({"find": "c", "filter": FOX, "hint": "a_text"}, 2),
        ({"find": "c", "filter": FOX, "hint": {"$natural": 1}}, 2),
        ({"find": "c", "filter": FOX, "sort": {"$natural": 1}}, 2),
        ({"find": "c", "filter": {"$and": [FOX, FOX]}}, 2),
        ({"find": "c", "filter": {}, "projection": SCORE}, 40218),
        ({"find": "c", "filter": {}, "sort": SCORE}, 40218),
        ({"find": "none", "filter": FOX}, 27),
        ({"find": "c", "filter": {"$text": {"$search": "x", "$language": "klingon"}}}, 2),
    ],
)
def test_errors(words: Database, command: dict[str, Any], expected: int) -> None:
    assert code(words, command) == expected


def test_explain(words: Database) -> None:
    plan = words.c.find({**FOX, "n": 1}).explain()
    top = plan["queryPlanner"]["winningPlan"]
    assert (top["stage"], top["filter"], top["inputStage"]["stage"]) == ("FETCH", {"n": {"$eq": 1}}, "TEXT_MATCH")
    match = top["inputStage"]
    assert match["parsedTextQuery"] == {"terms": ["fox"], "negatedTerms": [], "phrases": [], "negatedPhrases": []}
    assert (match["indexName"], match["indexPrefix"], match["textIndexVersion"]) == ("a_text", {}, 3)
    assert [match["inputStage"]["stage"], match["inputStage"]["inputStage"]["stage"]] == ["FETCH", "IXSCAN"]
    assert (plan["executionStats"]["totalKeysExamined"], plan["executionStats"]["totalDocsExamined"]) == (2, 2)
    complete = {"$text": {"$search": "fox", "$language": "english", "$caseSensitive": False, "$diacriticSensitive": False}}
    assert complete in plan["queryPlanner"]["parsedQuery"]["$and"]
    scored = words.c.find({"$text": {"$search": "fox dog"}}, SCORE).explain()["queryPlanner"]["winningPlan"]
    stages = scored["inputStage"]["inputStage"]
    assert (stages["stage"], [below["stage"] for below in stages["inputStages"]]) == ("TEXT_OR", ["IXSCAN", "IXSCAN"])


WORDS = ["fox", "foxes", "Fox", "the", "running", "run", "dog", "café", "cafe", "well-known", "don't", "the fox", "a b"]
texts = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)
values = st.one_of(
    texts, st.lists(texts, max_size=2), st.just(5), st.fixed_dictionaries({"b": texts, "language": st.sampled_from(["none", "fr"])})
)
documents = st.fixed_dictionaries({}, optional={"a": values, "c": values, "language": st.sampled_from(["none", "english", "french"])})
searches = st.lists(st.sampled_from([*WORDS, "-fox", "-dog", '"fox run"', '-"the fox"', '"café"']), min_size=1, max_size=3).map(" ".join)
definitions = st.sampled_from([{"a": 1}, {"a": 3, "c": 2}, {"a.b": 1, "c": 1}, {"$**": 1}, {"$**": 2, "a": 7}])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    weights=definitions,
    version=st.sampled_from([1, 2, 3]),
    given_documents=st.lists(documents, max_size=6),
    changes=st.lists(st.tuples(st.integers(0, 5), st.none() | documents), max_size=4),
    wanted=st.lists(st.tuples(searches, st.booleans(), st.booleans()), min_size=1, max_size=4),
)
def test_the_index_gives_what_a_scan_gives(
    db: Database, weights: Any, version: int, given_documents: Any, changes: Any, wanted: Any
) -> None:
    db.c.drop()
    spec = {"weights": weights, "textIndexVersion": version}
    db.c.create_index([(path, "text") for path in weights], name="t", **spec)
    stored = {n: {"_id": n, **document} for n, document in enumerate(given_documents)}
    if stored:
        db.c.insert_many(list(stored.values()))
    for number, document in changes:
        if number in stored and document is None:
            db.c.delete_one({"_id": number})
            del stored[number]
        elif number in stored:
            stored[number] = {"_id": number, **document}
            db.c.replace_one({"_id": number}, stored[number])
    definition = TextDefinition({**spec, "default_language": "english", "language_override": "language"})
    for text, case, diacritics in wanted:
        search = TextSearch(definition, text, "english", Sensitivity(case, diacritics))
        expected = {n: search.score(encode(document)) for n, document in stored.items() if search.matches(encode(document))}
        filter = {"$text": {"$search": text, "$caseSensitive": case, "$diacriticSensitive": diacritics}}
        assert set(ids(db.c.find(filter))) == set(expected)
        assert {one["_id"]: one["s"] for one in db.c.find(filter, SCORE)} == pytest.approx(expected)
    assert db.command("validate", "c")["valid"]


def test_metadata_behind_other_stages(words: Database) -> None:
    better = {"$match": {"$expr": {"$gt": [{"$meta": "textScore"}, 1]}}}
    assert ids(words.c.aggregate([{"$match": FOX}, better])) == [1]
    assert ids(words.c.aggregate([{"$match": FOX}, {"$sort": {"_id": 1}}, better, {"$limit": 5}])) == [1]
    joined = {"$lookup": {"from": "c", "localField": "_id", "foreignField": "_id", "as": "x"}}
    pipeline = [{"$match": FOX}, {"$sort": {"_id": 1}}, joined, {"$unwind": "$x"}, {"$project": {"_id": 1, **SCORE}}]
    assert list(words.c.aggregate(pipeline)) == [{"_id": 1, "s": 1.1}, {"_id": 2, "s": 0.75}]
    both = {"$unionWith": {"coll": "c", "pipeline": [{"$match": {"$text": {"$search": "dog"}}}]}}
    found = list(words.c.aggregate([{"$match": FOX}, {"$sort": {"_id": 1}}, both, {"$project": {"_id": 1, **SCORE}}]))
    assert found == [{"_id": 1, "s": 1.1}, {"_id": 2, "s": 0.75}, {"_id": 3, "s": 1.1}]
    plain = [{"$match": FOX}, {"$unionWith": "c"}, {"$project": {"_id": 1, **SCORE}}]
    assert [one.get("s") for one in words.c.aggregate(plain)][2:] == [None] * 3
    window = {"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"n": {"$sum": 1}}}}
    for mixed in ([window, {"$project": SCORE}], [{"$facet": {"a": [{"$project": SCORE}]}}]):
        assert code(words, {"aggregate": "c", "pipeline": [{"$match": FOX}, *mixed], "cursor": {}}) == 238
