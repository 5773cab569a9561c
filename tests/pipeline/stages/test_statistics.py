"""Stages that report on the server: `$collStats`, `$indexStats`, `$planCacheStats`, `$currentOp`, sessions, catalog."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson import decode
from secantus_server.errors import CommandError
from secantus_server.pipeline import parse_pipeline
from tests.pipeline.memory import MemoryHost, context, error, run


def one(stage: dict[str, Any], server: MemoryHost | None = None, **place: Any) -> dict[str, Any]:
    [document] = parse_pipeline([stage], context(server, **place)).run(())
    return decode(document)


def test_coll_stats() -> None:
    server = MemoryHost()
    server.fill("test", "source", [{"_id": 1}])
    found = one({"$collStats": {"count": {}, "storageStats": {"scale": 5}, "latencyStats": {}, "queryExecStats": {}}}, server)
    assert found["ns"] == "test.source"
    assert found["count"] == 1
    assert found["storageStats"]["size"] == 14 // 5
    assert found["storageStats"]["scaleFactor"] == 5
    assert set(found["latencyStats"]) == {"reads", "writes", "commands", "transactions"}
    assert "collectionScans" in found["queryExecStats"]


def test_coll_stats_needs_a_collection() -> None:
    server = MemoryHost()
    assert "latencyStats" in one({"$collStats": {"latencyStats": {}}}, server, collection="source")
    with pytest.raises(CommandError) as caught:
        one({"$collStats": {"count": {}}}, server, collection="source")
    assert caught.value.code == 26


def test_index_stats_of_a_view_are_those_of_its_collection() -> None:
    server = MemoryHost()
    server.fill("test", "base", [])
    server.views["test", "source"] = ("base", [])
    assert one({"$indexStats": {}}, server)["name"] == "_id_"


def test_plan_cache_stats() -> None:
    server = MemoryHost()
    server.fill("test", "base", [])
    assert run([{"$planCacheStats": {}}], [], server=server) == []
    with pytest.raises(CommandError) as caught:
        list(parse_pipeline([{"$planCacheStats": {}}], context(collection="other")).run(()))
    assert caught.value.code == 50933


def test_server_wide_stages() -> None:
    server = MemoryHost()
    server.fill("test", "base", [])
    assert one({"$currentOp": {"allUsers": True}}, server, collection=None, db="admin")["type"] == "op"
    assert one({"$listClusterCatalog": {"shards": True}}, server, collection=None)["shards"] == []
    assert one({"$listCatalog": {}}, server, collection=None, db="admin")["ns"] == "test.base"
    for name in ("$listLocalSessions", "$querySettings", "$queryStats"):
        assert list(parse_pipeline([{name: {}}], context(server, collection=None)).run(())) == []


@pytest.mark.parametrize("name", ["$search", "$vectorSearch", "$searchMeta"])
def test_search_needs_another_server(name: str) -> None:
    with pytest.raises(CommandError) as caught:
        run([{name: {}}], [])
    assert caught.value.code == 31082


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        ({"$collStats": 1}, 5447000),
        ({"$collStats": {"x": {}}}, 40415),
        ({"$collStats": {"count": 1}}, 14),
        ({"$collStats": {"count": {"x": 1}}}, 31170),
        ({"$collStats": {"storageStats": {"scale": 0}}}, 2),
        ({"$collStats": {"latencyStats": {"histograms": None}}}, 14),
        ({"$indexStats": {"x": 1}}, 28803),
        ({"$planCacheStats": 1}, 9),
        ({"$planCacheStats": {"allHosts": 1}}, 13111),
        ({"$planCacheStats": {"allHosts": True}}, 4503200),
        ({"$listSessions": {}}, 73),
    ],
)
def test_errors_over_a_collection(stage: dict[str, Any], code: int) -> None:
    assert error([stage]).code == code


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        ({"$currentOp": 1}, 14),
        ({"$currentOp": {"x": True}}, 40415),
        ({"$currentOp": {"allUsers": 1}}, 14),
        ({"$currentOp": {}}, 73),
        ({"$listLocalSessions": {"users": [1]}}, 14),
        ({"$listLocalSessions": {"users": [{"user": "a"}]}}, 40414),
        ({"$listLocalSessions": {"users": [None, {"user": "a", "db": "b"}], "allUsers": True}}, 12),
        ({"$currentOp": {"targetAllNodes": True}}, 9),
        ({"$currentOp": {"AllUsers": True}}, 40415),
        ({"$listClusterCatalog": 1}, 9621302),
        ({"$querySettings": 1}, 7746800),
        ({"$querySettings": {"showDebugQueryShape": 1}}, 14),
    ],
)
def test_errors_without_a_collection(stage: dict[str, Any], code: int) -> None:
    assert error([stage], context(collection=None)).code == code
