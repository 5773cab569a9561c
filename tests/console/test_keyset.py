"""Pages by key: together they are the sorted query, whatever the types."""

from __future__ import annotations

import random
from datetime import datetime, timezone
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from pymongo import MongoClient

from tests.console.browser import Browser

VALUES: list[Any] = [
    *[None, 1, 2, 2.5, Int64(3), Decimal128("2"), float("nan"), float("inf"), float("-inf"), "", "a", "b", {}, {"x": 1}, {"x": 2}],
    *[Binary(b""), Binary(b"ab"), Binary(b"ab", 5), ObjectId(b"\0" * 12), ObjectId(b"\7" * 12), False, True, MinKey(), MaxKey()],
    *[datetime(1960, 1, 1, tzinfo=timezone.utc), datetime(2020, 1, 1, tzinfo=timezone.utc), Timestamp(1, 1), Timestamp(2, 1)],
]
ARRAYS: list[Any] = [[], [1, "a"], [5, None], [[1], 2], [[]], [{"x": 1}], [True, False], ["b", 1, 7]]


def pages(browser: Browser, **query: Any) -> list[str]:
    """Return the numbers of all documents, in the order of the pages."""
    found: list[str] = []
    data = browser.data("/documents", db="test", collection="c", **query)
    for _ in range(1000):
        found += [document["n"] for document in data["documents"]]
        if data["next"] is None:
            return found
        answer = browser.send("GET", f"{data['next']}&format=json")
        assert answer.status == 200, answer.text
        data = answer.json
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("size", [1, 3])
def test_by_id(read_only: Browser, client: MongoClient[dict[str, Any]], way: int, size: int) -> None:
    client.test.c.insert_many([{"_id": value, "n": number} for number, value in enumerate(VALUES) if value != Decimal128("2")])
    expected = [document["n"] for document in client.test.c.find(sort=[("_id", way)])]
    assert pages(read_only, sort={"_id": way}, limit=size) == expected
    even = [document["n"] for document in client.test.c.find({"n": {"$mod": [2, 0]}}, sort=[("_id", way)])]
    assert pages(read_only, sort={"_id": way}, limit=size, filter={"n": {"$mod": [2, 0]}}) == even


@pytest.mark.parametrize("seed", range(6))
def test_by_other_fields(read_only: Browser, client: MongoClient[dict[str, Any]], seed: int) -> None:
    print("seed", seed)
    chance = random.Random(seed)
    documents = []
    for number in range(120):
        document = {"_id": chance.choice([number, str(number)]), "n": number}
        document |= {
            name: chance.choice(values) for name, values in (("a", VALUES + ARRAYS), ("b", [1, 2, None, "x"])) if chance.random() < 0.9
        }
        if chance.random() < 0.5:
            document["d"] = chance.choice([{"e": chance.choice(VALUES)}, [{"e": 1}, {"e": "x"}], [{"f": 1}], [], 3])
        documents.append(document)
    documents[0]["a"] = Regex("a")
    client.test.c.insert_many(documents)
    if seed % 2:
        client.test.c.create_index([("a", 1)])
        client.test.c.create_index([("b", -1), ("a", 1)])
        client.test.c.create_index([("d.e", 1)])
    for sort in ({"a": 1}, {"a": -1}, {"b": 1, "a": -1}, {"a": 1, "b": -1}, {"d.e": 1}, {"d.e": -1, "b": 1}):
        expected = [document["n"] for document in client.test.c.find(sort=[*sort.items(), ("_id", 1)])]
        assert pages(read_only, sort=sort, limit=chance.choice([7, 30])) == expected, sort


def test_a_view_has_no_key(read_only: Browser, client: MongoClient[dict[str, Any]]) -> None:
    client.test.base.insert_one({"_id": 1, "n": list(range(10))})
    client.test.create_collection("c", viewOn="base", pipeline=[{"$unwind": "$n"}])
    assert sorted(pages(read_only, limit=3)) == list(range(10))


@pytest.mark.parametrize("after", ['{"key": "zz", "values": []}', "{}", "x", '{"key": 1, "values": 2}', '{"key": "00", "values": []}'])
def test_an_invalid_place_is_an_error(read_only: Browser, after: str) -> None:
    assert read_only.get("/documents", db="test", collection="c", after=after).status == 400


def test_an_invalid_sort_is_an_error(read_only: Browser) -> None:
    for sort in ({"a": "x"}, {"a": 3}, {"": 1}, {"a": {"$meta": "textScore"}}):
        assert read_only.get("/documents", db="test", collection="c", sort=sort).status == 400
