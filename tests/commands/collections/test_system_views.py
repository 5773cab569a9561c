"""`system.views`: the collection of view definitions, which the server computes."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

ID_INDEX = {"v": 2, "key": {"_id": 1}, "name": "_id_"}


@pytest.fixture
def viewed(db: Database[Any]) -> Database[Any]:
    db.create_collection("source")
    db.create_collection("view", viewOn="source", pipeline=[])
    return db


def test_statistics(viewed: Database[Any]) -> None:
    stats = viewed.command("collStats", "system.views")
    assert (stats["count"], stats["nindexes"]) == (1, 1)
    [found] = viewed["system.views"].aggregate([{"$collStats": {"count": {}, "storageStats": {}}}])
    assert (found["count"], found["storageStats"]["count"]) == (1, 1)


def test_its_index_is_listed(viewed: Database[Any]) -> None:
    assert viewed.command("listIndexes", "system.views")["cursor"]["firstBatch"] == [ID_INDEX]


def test_it_is_hashed(viewed: Database[Any]) -> None:
    before = viewed.command("dbHash")
    [info] = viewed.list_collections(filter={"name": "system.views"})
    assert before["uuids"]["system.views"] == info["info"]["uuid"]
    viewed.create_collection("other", viewOn="source", pipeline=[])
    assert viewed.command("dbHash")["collections"]["system.views"] != before["collections"]["system.views"]
    assert list(viewed.command("dbHash", collections=["source"])["collections"]) == ["source"]


def test_dropping_it_drops_the_views(viewed: Database[Any]) -> None:
    assert viewed.command("drop", "system.views")["nIndexesWas"] == 1
    assert viewed.list_collection_names() == ["source"]
    assert "ns" not in viewed.command("drop", "system.views")


def test_the_profiler_s_collection_lists_no_index(db: Database[Any]) -> None:
    db.command("profile", 2)
    db.command("profile", 0)
    assert db.command("listIndexes", "system.profile")["cursor"]["firstBatch"] == []
