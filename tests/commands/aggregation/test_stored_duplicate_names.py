"""A computation refuses a stored document that has two fields of the same name, because it would lose one of them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from bson import Binary, encode
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import OperationFailure

from tests.failing import failure

Document = dict[str, Any]


def of(fields: list[tuple[str, Any]]) -> RawBSONDocument:
    """Return the document of these fields; names may repeat."""
    body = b"".join(encode({name: value})[4:-1] for name, value in fields)
    return RawBSONDocument((len(body) + 5).to_bytes(4, "little") + body + b"\0")


def twice(first: int, second: int) -> RawBSONDocument:
    """Return the document {a: first, a: second}."""
    return of([("a", first), ("a", second)])


@pytest.fixture
def stored(db: Database[Document]) -> Database[Document]:
    db.c.insert_many([RawBSONDocument(encode({"_id": number, "d": twice(number, 5), "e": [twice(1, 2)]})) for number in (1, 2)])
    return db


@pytest.mark.parametrize(
    "stage",
    [
        {"$group": {"_id": "$d"}},
        {"$group": {"_id": None, "first": {"$first": "$d"}}},
        {"$group": {"_id": None, "all": {"$push": "$$ROOT"}}},
        {"$sortByCount": "$d"},
        {"$replaceRoot": {"newRoot": "$d"}},
        {"$project": {"pairs": {"$objectToArray": "$d"}}},
        {"$match": {"$expr": {"$eq": ["$d", {"a": 5}]}}},
        {"$redact": "$$DESCEND"},
        {"$merge": {"into": "other", "whenMatched": "merge"}},
        {"$bucketAuto": {"groupBy": "$d", "buckets": 1}},
        {"$setWindowFields": {"sortBy": {"_id": 1}, "output": {"x": {"$first": "$d"}}}},
    ],
    ids=lambda stage: next(iter(stage)),
)
def test_a_stage_refuses_it(stored: Database[Document], stage: Document) -> None:
    stored.other.insert_one({"_id": 1})
    reply = failure(stored, {"aggregate": "c", "pipeline": [stage], "cursor": {}})
    assert (reply["code"], "two fields of the same name" in reply["errmsg"]) == (238, True)


def test_an_unwound_group_refuses_it(stored: Database[Document]) -> None:
    pipeline = [{"$unwind": "$e"}, {"$group": {"_id": "$e", "n": {"$sum": 1}}}]
    assert failure(stored, {"aggregate": "c", "pipeline": pipeline, "cursor": {}})["code"] == 238


def test_a_lookup_through_an_index_refuses_it(stored: Database[Document]) -> None:
    stored.other.create_index("k")
    pipeline = [{"$lookup": {"from": "other", "localField": "d.a", "foreignField": "k", "as": "found"}}]
    assert failure(stored, {"aggregate": "c", "pipeline": pipeline, "cursor": {}})["code"] == 238


def test_distinct_refuses_it(stored: Database[Document]) -> None:
    assert failure(stored, {"distinct": "c", "key": "d"})["code"] == 238


def test_an_update_of_an_array_with_it_changes_nothing(stored: Database[Document]) -> None:
    before = stored.c.with_options(stored.codec_options.with_options(document_class=RawBSONDocument)).find_one({"_id": 1})
    reply = stored.command("update", "c", updates=[{"q": {"_id": 1}, "u": {"$push": {"e": 3}}}])
    after = stored.c.with_options(stored.codec_options.with_options(document_class=RawBSONDocument)).find_one({"_id": 1})
    assert before is not None
    assert after is not None
    assert (reply["writeErrors"][0]["code"], after.raw) == (238, before.raw)


@pytest.mark.parametrize(
    "stage", [{"$project": {"d": 1}}, {"$set": {"x": "$d"}}, {"$sort": {"d": 1}}, {"$match": {"d.a": {"$lt": 5}}}, {"$unwind": "$e"}]
)
def test_stages_that_copy_it_keep_both_fields(stored: Database[Document], stage: Document) -> None:
    found = stored.c.with_options(stored.codec_options.with_options(document_class=RawBSONDocument)).aggregate([stage])
    assert {bytes(document["d"].raw) for document in found} == {bytes(twice(number, 5).raw) for number in (1, 2)}


@pytest.mark.parametrize("stage", [{"$out": "other"}, {"$merge": {"into": "other"}}], ids=["out", "merge"])
def test_a_written_document_without_an_id_is_refused(stored: Database[Document], stage: Document) -> None:
    assert failure(stored, {"aggregate": "c", "pipeline": [{"$project": {"_id": 0}}, stage], "cursor": {}})["code"] == 238
    assert stored.other.count_documents({}) == 0


def test_an_applied_diff_refuses_it(stored: Database[Document]) -> None:
    entry = {"op": "u", "ns": stored.c.full_name, "o": {"$v": 2, "diff": {"i": {"f": 1}}}, "o2": {"_id": 1}}
    failure(stored.client.admin, {"applyOps": [entry]})
    assert stored.c.count_documents({"f": 1}) == 0


def test_a_post_image_refuses_it(stored: Database[Document]) -> None:
    stored.command("collMod", "c", changeStreamPreAndPostImages={"enabled": True})
    with stored.c.watch(full_document="required") as stream:
        stored.c.update_one({"_id": 1}, {"$set": {"f": 1}})
        with pytest.raises(OperationFailure) as caught:
            stream.next()
    assert caught.value.code == 238


def test_a_past_version_refuses_it(stored: Database[Document]) -> None:
    time = stored.command("update", "c", updates=[{"q": {"_id": 1}, "u": {"$set": {"f": 1}}}])["operationTime"]
    stored.c.update_one({"_id": 1}, {"$set": {"f": 2}})
    concern = {"level": "snapshot", "atClusterTime": time}
    assert failure(stored, {"find": "c", "readConcern": concern})["code"] == 238


@pytest.mark.parametrize("rule", [{"d": {"enum": [{"a": 5}]}}, {"e": {"uniqueItems": True}}], ids=["enum", "uniqueItems"])
def test_a_schema_that_compares_documents_refuses_it(stored: Database[Document], rule: Document) -> None:
    assert failure(stored, {"find": "c", "filter": {"$jsonSchema": {"properties": rule}}})["code"] == 238


def test_a_text_index_refuses_it(stored: Database[Document]) -> None:
    text = {"key": {"words": "text"}, "name": "words"}
    assert failure(stored, {"createIndexes": "c", "indexes": [text]})["code"] == 238
    stored.command("createIndexes", "other", indexes=[text])
    reply = stored.command("insert", "other", documents=[twice(1, 5)])
    assert (reply["n"], reply["writeErrors"][0]["code"]) == (0, 238)


def test_an_encrypted_field_does_not_hide_a_plain_one(db: Database[Document]) -> None:
    db.create_collection("c", encryptedFields={"fields": [{"path": "a", "bsonType": "int", "keyId": Binary(b"k" * 16, 4)}]})
    fields = encode({"a": 1})[4:-1] + encode({"a": Binary(bytes([6]) + b"x" * 40, 6)})[4:-1]
    document = RawBSONDocument((len(fields) + 5).to_bytes(4, "little") + fields + b"\0")
    reply = db.command("insert", "c", documents=[document])
    assert (reply["n"], reply["writeErrors"][0]["code"]) == (0, 238)


MANY = [(f"f{number}", number) for number in range(40)]


@pytest.mark.parametrize(
    "fields",
    [
        [("a", 1), ("b", 2), ("a", 3)],
        [("m", 1), ("m", 2)],
        [("m", twice(1, 2))],
        [("v", [{"x": twice(1, 2)}])],
        [*MANY, ("f3", 1)],
        [*MANY, ("f39", 1)],
    ],
    ids=["measured", "metadata twice", "in the metadata", "nested", "early of many", "late of many"],
)
def test_a_time_series_refuses_it(db: Database[Document], fields: list[tuple[str, Any]]) -> None:
    db.create_collection("s", timeseries={"timeField": "t", "metaField": "m"})
    time = ("t", datetime(2026, 12, 1, tzinfo=timezone.utc))
    reply = db.command("insert", "s", documents=[of([time]), of([time, *fields]), of([time, *MANY])])
    assert [(error["index"], error["code"]) for error in reply["writeErrors"]] == [(1, 238)]
    assert db.s.count_documents({}) == 1
    assert db.command("insert", "s", documents=[of([time, *MANY])])["n"] == 1
