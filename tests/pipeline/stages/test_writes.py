"""`$out` and `$merge`."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson import decode
from secantus_server.errors import CommandError
from tests.pipeline.memory import MemoryHost, context, error, run


def written(server: MemoryHost, name: str = "target") -> list[dict[str, Any]]:
    return sorted((decode(document) for document in server.collections["test", name]), key=lambda document: str(document["_id"]))


def merge(source: list[dict[str, Any]], target: list[dict[str, Any]], **options: Any) -> list[dict[str, Any]]:
    server = MemoryHost()
    server.fill("test", "target", target)
    assert run([{"$merge": {"into": "target", **options}}], source, server=server) == []
    return written(server)


def test_out_replaces_a_collection() -> None:
    server = MemoryHost()
    server.fill("test", "target", [{"_id": 9}])
    assert run([{"$out": "target"}], [{"_id": 1, "a": 1}, {"a": 2}], server=server) == []
    found = written(server)
    assert [document["a"] for document in found] == [1, 2]
    assert all(next(iter(document)) == "_id" for document in found)


def test_out_leaves_the_collection_if_it_fails() -> None:
    server = MemoryHost()
    server.fill("test", "target", [{"_id": 9}])
    with pytest.raises(CommandError):
        run([{"$out": "target"}], [{"_id": 1}, {"_id": 1}], server=server)
    assert written(server) == [{"_id": 9}]


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (1, 16990),
        ("", 73),
        (".a", 73),
        ("$a", 20),
        ("system.x", 17385),
        ({"db": "local", "coll": "a"}, 31321),
        ({"db": "admin", "coll": "a"}, 31321),
        ({"db": "a.b", "coll": "a"}, 73),
        ({"db": "a"}, 40414),
        ({"db": 1, "coll": "a"}, 14),
        ({"db": "a", "coll": "b", "x": 1}, 40415),
        ({"db": "a", "coll": "b", "timeseries": {}}, 40414),
        ({"db": "a", "coll": "b", "timeseries": {"timeField": "t", "granularity": "days"}}, 2),
        ({"db": "a", "coll": "b", "timeseries": {"timeField": "t", "bucketMaxSpanSeconds": 5}}, 72),
        ("view", 166),
        ("capped", 17152),
        ({"db": "test", "coll": "view", "timeseries": {"timeField": "t"}}, 7268700),
        ({"db": "test", "coll": "measured", "timeseries": {"timeField": "other"}}, 7406103),
    ],
)
def test_out_errors(spec: Any, code: int) -> None:
    server = MemoryHost()
    server.views["test", "view"] = ("source", [])
    server.collections["test", "capped"] = []
    server.options["test", "capped"] = {"capped": True}
    server.collections["test", "measured"] = []
    server.options["test", "measured"] = {"timeseries": {"timeField": "t"}}
    assert error([{"$out": spec}], context(server)).code == code


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [{"_id": 1, "a": 1, "b": 2}, {"_id": 2, "b": 3}]),
        ({"whenMatched": "replace"}, [{"_id": 1, "b": 2}, {"_id": 2, "b": 3}]),
        ({"whenMatched": "keepExisting"}, [{"_id": 1, "a": 1}, {"_id": 2, "b": 3}]),
        ({"whenNotMatched": "discard"}, [{"_id": 1, "a": 1, "b": 2}]),
        ({"whenMatched": [{"$set": {"c": "$$new.b", "d": "$a"}}]}, [{"_id": 1, "a": 1, "c": 2, "d": 1}, {"_id": 2, "b": 3}]),
        (
            {"whenMatched": [{"$set": {"c": "$$x"}}], "let": {"x": {"$add": ["$b", 1]}}},
            [{"_id": 1, "a": 1, "c": 3}, {"_id": 2, "b": 3}],
        ),
        ({"whenMatched": [{"$replaceWith": {"z": 1}}]}, [{"_id": 1, "z": 1}, {"_id": 2, "b": 3}]),
    ],
)
def test_merge(options: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert merge([{"_id": 1, "b": 2}, {"_id": 2, "b": 3}], [{"_id": 1, "a": 1}], **options) == expected


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        ({"whenMatched": "fail"}, 11000, [{"_id": 1, "a": 1}, {"_id": 2, "b": 3}]),
        ({"whenNotMatched": "fail"}, 13113, [{"_id": 1, "a": 1, "b": 2}]),
        ({"whenMatched": [{"$set": {"_id": 5}}]}, 66, [{"_id": 1, "a": 1}, {"_id": 2, "b": 3}]),
        ({"whenMatched": [{"$limit": 5}]}, 72, [{"_id": 1, "a": 1}, {"_id": 2, "b": 3}]),
        ({"whenMatched": [{"$set": {"c": "$$x"}}], "let": {"x": "$nothing"}}, 17276, [{"_id": 1, "a": 1}, {"_id": 2, "b": 3}]),
    ],
)
def test_merge_writes_what_it_can(options: dict[str, Any], code: int, expected: list[dict[str, Any]]) -> None:
    server = MemoryHost()
    server.fill("test", "target", [{"_id": 1, "a": 1}])
    with pytest.raises(CommandError) as caught:
        run([{"$merge": {"into": "target", **options}}], [{"_id": 1, "b": 2}, {"_id": 2, "b": 3}], server=server)
    assert caught.value.code == code
    assert written(server) == expected


def with_index(**options: Any) -> MemoryHost:
    server = MemoryHost()
    server.fill("test", "target", [{"_id": 1, "k": "a", "old": True}])
    server.indexes["test", "target"] = [{"name": "k_1", "key": {"k": 1}, "unique": True, **options}]
    return server


def test_merge_on_another_field() -> None:
    server = with_index()
    run(
        [{"$project": {"_id": 0}}, {"$merge": {"into": "target", "on": "k"}}],
        [{"_id": 7, "k": "a", "v": 1}, {"_id": 8, "v": 2}],
        server=server,
    )
    found = server.collections["test", "target"]
    assert decode(found[0]) == {"_id": 1, "k": "a", "old": True, "v": 1}
    assert {name: value for name, value in decode(found[1]).items() if name != "_id"} == {"k": None, "v": 2}


@pytest.mark.parametrize(
    ("document", "index", "code"),
    [
        ({"_id": 7, "k": "a"}, {}, 66),
        ({"_id": 7, "k": ["a"]}, {}, 51185),
        ({"_id": 7}, {"sparse": True}, 51132),
    ],
)
def test_what_cannot_be_merged(document: dict[str, Any], index: dict[str, Any], code: int) -> None:
    with pytest.raises(CommandError) as caught:
        run([{"$merge": {"into": "target", "on": "k"}}], [document], server=with_index(**index))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (1, 14),
        ("", 73),
        ({}, 40414),
        ({"into": 1}, 51178),
        ({"into": ""}, 5786800),
        ({"into": {"coll": 1}}, 14),
        ({"into": {"coll": None}}, 5786801),
        ({"into": {"coll": ""}}, 73),
        ({"into": {"db": "admin", "coll": "a"}}, 31320),
        ({"into": "view"}, 166),
        ({"into": "a", "x": 1}, 40415),
        ({"into": "a", "on": 1}, 51186),
        ({"into": "a", "on": []}, 51187),
        ({"into": "a", "on": [1]}, 51134),
        ({"into": "a", "on": ["_id", "_id"]}, 31465),
        ({"into": "a", "on": "k"}, 51183),
        ({"into": "a", "whenMatched": 1}, 51191),
        ({"into": "a", "whenMatched": "pipeline"}, 2),
        ({"into": "a", "whenMatched": [1]}, 14),
        ({"into": "a", "whenNotMatched": 1}, 14),
        ({"into": "a", "whenNotMatched": "replace"}, 2),
        ({"into": "a", "whenMatched": "fail", "whenNotMatched": "discard"}, 51181),
        ({"into": "a", "let": {}}, 51199),
        ({"into": "a", "let": {"new": 1}, "whenMatched": []}, 51273),
    ],
)
def test_merge_errors(spec: Any, code: int) -> None:
    server = MemoryHost()
    server.views["test", "view"] = ("source", [])
    assert error([{"$merge": spec}], context(server)).code == code
