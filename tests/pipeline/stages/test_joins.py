"""`$lookup`, `$unionWith`, `$graphLookup`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bson.int64 import Int64

from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from tests.pipeline.memory import MemoryHost, error, run


class Indexed(MemoryHost):
    """A host that claims to have an index on every path, and counts the lookups."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []

    def equality_finder(self, db: str, collection: str, path: str, collation: Any) -> Callable[[Any], Iterator[bytes]] | None:
        def find(value: Any) -> Iterator[bytes]:
            self.asked.append(value)
            return filter(parse_match({path: {"$eq": value}}, ParseContext()).matches, self.collections.get((db, collection), []))

        return find


@pytest.fixture(params=[MemoryHost, Indexed])
def server(request: pytest.FixtureRequest) -> MemoryHost:
    found: MemoryHost = request.param()
    return found


def joined(server: MemoryHost, local: dict[str, Any], foreign: list[dict[str, Any]], **spec: Any) -> list[Any]:
    server.fill("test", "other", foreign)
    lookup = {"from": "other", "localField": "l", "foreignField": "f", "as": "j", **spec}
    return [document["_id"] for document in run([{"$lookup": lookup}], [local], server=server)[0]["j"]]


@pytest.mark.parametrize(
    ("local", "foreign", "expected"),
    [
        ({"l": 1}, [{"f": 1}, {"f": 1.0}, {"f": 2}], [0, 1]),
        ({"l": [1, 2]}, [{"f": 2}, {"f": 3}, {"f": 1}, {"f": [1, 2]}], [0, 2, 3]),
        ({"l": [[1]]}, [{"f": [1]}, {"f": 1}], [0]),
        ({}, [{"f": None}, {}, {"f": 0}], [0, 1]),
        ({"l": None}, [{"f": None}, {}, {"f": []}], [0, 1]),
        ({"l": []}, [{"f": None}, {}, {"f": 1}], [0, 1]),
        ({"l": {"a": 1}}, [{"f": {"a": 1.0}}, {"f": {"a": 1, "b": 1}}], [0]),
        ({"l": True}, [{"f": 1}, {"f": True}], [1]),
    ],
)
def test_lookup_by_fields(server: MemoryHost, local: dict[str, Any], foreign: list[dict[str, Any]], expected: list[int]) -> None:
    documents = [{"_id": index, **document} for index, document in enumerate(foreign)]
    assert sorted(joined(server, local, documents)) == expected


@pytest.mark.parametrize(
    ("local", "path", "expected"),
    [
        ({"a": [{"b": 1}, {"b": 2}]}, "a.b", [1, 2]),
        ({"a": [1, 2]}, "a.0", [1]),
        ({"a": {"b": [2]}}, "a.b", [2]),
    ],
)
def test_lookup_through_arrays(server: MemoryHost, local: dict[str, Any], path: str, expected: list[int]) -> None:
    assert joined(server, local, [{"_id": 1, "f": 1}, {"_id": 2, "f": 2}, {"_id": 3, "f": 3}], localField=path) == expected


def test_lookup_runs_a_pipeline_over_what_it_finds(server: MemoryHost) -> None:
    foreign = [{"_id": 1, "f": 1, "n": 5}, {"_id": 2, "f": 1, "n": 9}]
    stages = [{"$match": {"$expr": {"$gt": ["$n", "$$limit"]}}}]
    assert joined(server, {"l": 1, "limit": 6}, foreign, let={"limit": "$limit"}, pipeline=stages) == [2]


@pytest.mark.parametrize(
    ("field", "document", "expected"),
    [
        ("j", {"j": 1, "z": 2}, {"j": [], "z": 2}),
        ("a.b", {"a": {"c": 1}}, {"a": {"c": 1, "b": []}}),
        ("a.b", {"a": [1]}, {"a": {"b": []}}),
        ("a.b", {}, {"a": {"b": []}}),
    ],
)
def test_where_the_documents_go(field: str, document: dict[str, Any], expected: dict[str, Any]) -> None:
    lookup = {"from": "none", "localField": "x", "foreignField": "y", "as": field}
    assert run([{"$lookup": lookup}], [document]) == [expected]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"$eq": ["$f", "$$v"]}, {1: [1], 2: [2, 3], None: [4]}),
        ({"$eq": ["$$v", "$f"]}, {1: [1], 2: [2, 3], None: [4]}),
        ({"$and": [{"$eq": ["$f", "$$v"]}, {"$gt": ["$n", 1]}]}, {1: [], 2: [3], None: [4]}),
        ({"$gte": ["$f", "$$v"]}, {1: [1, 2, 3], 2: [2, 3], None: [1, 2, 3, 4]}),
    ],
)
def test_correlated_pipelines(server: MemoryHost, expression: Any, expected: dict[Any, list[int]]) -> None:
    server.fill(
        "test",
        "other",
        [{"_id": 1, "f": 1, "n": 1}, {"_id": 2, "f": 2, "n": 1}, {"_id": 3, "f": 2.0, "n": 2}, {"_id": 4, "f": None, "n": 3}, {"_id": 5}],
    )
    lookup = {"from": "other", "let": {"v": "$v"}, "pipeline": [{"$match": {"$expr": expression}}], "as": "j"}
    found = run([{"$lookup": lookup}], [{"v": value} for value in expected], server=server)
    assert {document["v"]: [item["_id"] for item in document["j"]] for document in found} == expected


def test_the_independent_part_of_a_pipeline_runs_once() -> None:
    server = MemoryHost()
    server.fill("test", "other", [{"_id": number} for number in range(100)])
    stages = [{"$sample": {"size": 5}}, {"$set": {"v": "$$v"}}]
    found = run(
        [{"$lookup": {"from": "other", "let": {"v": "$_id"}, "pipeline": stages, "as": "j"}}], [{"_id": 1}, {"_id": 2}], server=server
    )
    first, second = ([(item["_id"], item["v"]) for item in document["j"]] for document in found)
    assert [id_ for id_, _ in first] == [id_ for id_, _ in second]
    assert {v for _, v in first} == {1}
    assert {v for _, v in second} == {2}


def test_nested_variables() -> None:
    server = MemoryHost()
    server.fill("test", "other", [{"_id": 1}])
    inner = {"$lookup": {"from": "other", "let": {"y": {"$add": ["$$x", 1]}}, "pipeline": [{"$set": {"x": "$$x", "y": "$$y"}}], "as": "k"}}
    found = run([{"$lookup": {"from": "other", "let": {"x": "$v"}, "pipeline": [inner], "as": "j"}}], [{"v": 1}, {"v": 5}], server=server)
    assert [document["j"][0]["k"][0] for document in found] == [{"_id": 1, "x": 1, "y": 2}, {"_id": 1, "x": 5, "y": 6}]


def test_a_variable_may_have_any_name() -> None:
    server = MemoryHost()
    server.fill("test", "other", [{"_id": 1}])
    lookup = {"from": "other", "let": {"self": 1, "collection": 2}, "pipeline": [{"$set": {"a": "$$self", "b": "$$collection"}}], "as": "j"}
    assert run([{"$lookup": lookup}], [{}], server=server)[0]["j"] == [{"_id": 1, "a": 1, "b": 2}]


def test_views() -> None:
    server = MemoryHost()
    server.fill("test", "base", [{"_id": 1, "f": 1}, {"_id": 2, "f": 1, "hidden": True}])
    server.views["test", "other"] = ("base", [{"$match": {"hidden": {"$exists": False}}}])
    assert joined(server, {"l": 1}, []) == [1]
    assert run([{"$unionWith": "other"}], [], server=server)[-1] == {"_id": 1, "f": 1}


def test_documents_without_a_collection() -> None:
    stages = [{"$documents": [{"f": 1}, {"f": 2}]}]
    assert run([{"$lookup": {"pipeline": stages, "as": "j"}}], [{}])[0]["j"] == [{"f": 1}, {"f": 2}]
    joined_by = {"pipeline": stages, "localField": "l", "foreignField": "f", "as": "j"}
    assert run([{"$lookup": joined_by}], [{"l": 2}])[0]["j"] == [{"f": 2}]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"from": 1}, 9),
        ({"from": ""}, 73),
        ({"from": ".b"}, 73),
        ({"from": "a\0b"}, 73),
        ({"from": {"db": "x", "coll": "y"}}, 9),
        ({"as": None}, 40414),
        ({"as": 1}, 14),
        ({"as": "$x"}, 16410),
        ({"as": "a."}, 40353),
        ({"localField": None}, 9),
        ({"localField": 1}, 14),
        ({"foreignField": "$x"}, 16410),
        ({"let": {"x": 1}}, 9),
        ({"let": {"X": 1}, "pipeline": []}, 9),
        ({"let": {"x": "$$x"}, "pipeline": []}, 17276),
        ({"pipeline": 1}, 14),
        ({"pipeline": [1]}, 14),
        ({"extra": 1}, 40415),
    ],
)
def test_lookup_errors(change: dict[str, Any], code: int) -> None:
    assert error([{"$lookup": {"from": "b", "localField": "l", "foreignField": "f", "as": "j", **change}}]).code == code


def test_union() -> None:
    server = MemoryHost()
    server.fill("test", "other", [{"a": 1}, {"a": 2}])
    assert run([{"$unionWith": {"coll": "other", "pipeline": [{"$match": {"a": 2}}]}}], [{"a": 0}], server=server) == [{"a": 0}, {"a": 2}]
    assert run([{"$unionWith": {"pipeline": [{"$documents": [{"a": 3}]}]}}], [{"a": 0}]) == [{"a": 0}, {"a": 3}]
    assert error([{"$unionWith": 1}]).code == 9
    assert error([{"$unionWith": ".other"}]).code == 73
    assert error([{"$unionWith": {"pipeline": []}}]).code == 9


FLIGHTS = [
    {"_id": "JFK", "to": ["BOS", "ORD"]},
    {"_id": "BOS", "to": ["JFK", "PWM"]},
    {"_id": "ORD", "to": ["JFK"]},
    {"_id": "PWM", "to": ["BOS", "LHR"]},
    {"_id": "LHR", "to": ["PWM"]},
]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"JFK": 0, "BOS": 1, "ORD": 1, "PWM": 2, "LHR": 3}),
        ({"maxDepth": 1}, {"JFK": 0, "BOS": 1, "ORD": 1}),
        ({"maxDepth": Int64(0)}, {"JFK": 0}),
        ({"restrictSearchWithMatch": {"_id": {"$ne": "BOS"}}}, {"JFK": 0, "ORD": 1}),
    ],
)
def test_graph_lookup(options: dict[str, Any], expected: dict[str, int]) -> None:
    server = MemoryHost()
    server.fill("test", "flights", FLIGHTS)
    spec = {"from": "flights", "startWith": "$at", "connectFromField": "to", "connectToField": "_id", "as": "reach", "depthField": "d"}
    [found] = run([{"$graphLookup": {**spec, **options}}], [{"at": "JFK"}], server=server)
    assert {item["_id"]: item["d"] for item in found["reach"]} == expected
    assert {type(item["d"]) for item in found["reach"]} == {Int64}


def test_graph_lookup_starts_with_nothing() -> None:
    server = MemoryHost()
    server.fill("test", "flights", FLIGHTS)
    spec = {"from": "flights", "startWith": "$at", "connectFromField": "to", "connectToField": "_id", "as": "reach"}
    assert run([{"$graphLookup": spec}], [{}], server=server) == [{"reach": []}]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"maxDepth": "1"}, 40100), ({"maxDepth": -1}, 40101), ({"maxDepth": 1.5}, 40102), ({"as": 1}, 40103), ({"extra": 1}, 40104)],
)
def test_graph_lookup_errors(change: dict[str, Any], code: int) -> None:
    spec = {"from": "b", "startWith": "$a", "connectFromField": "a", "connectToField": "b", "as": "c"}
    assert error([{"$graphLookup": {**spec, **change}}]).code == code
    assert error([{"$graphLookup": {"from": "b"}}]).code == 40105
    assert error([{"$graphLookup": {**spec, "from": ".b"}}]).code == 73
    assert error([{"$graphLookup": 1}]).code == 40327
