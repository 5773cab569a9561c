"""Virtual system collections are not read as empty collections."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

VIEW = {"viewOn": "plain", "pipeline": [{"$match": {"a": {"$gt": 0}}}]}


@pytest.fixture
def views(db: Database[Any]) -> Any:
    """Return `system.views` of a database with two views, one of them with a collation."""
    db.plain.insert_one({"a": f"{db.name}.b"})
    assert list(db["system.views"].find()) == []
    db.command("create", "a", **VIEW)
    db.command("create", "b", viewOn="other", pipeline=[], collation={"locale": "fr"})
    return db["system.views"]


def test_find(db: Database[Any], views: Any) -> None:
    first, second = views.find()
    assert first == {"_id": f"{db.name}.a", **VIEW}
    assert (second["_id"], second["viewOn"], second["collation"]["locale"]) == (f"{db.name}.b", "other", "fr")
    assert views.find_one({"_id": f"{db.name}.b"}, {"viewOn": 1}) == {"_id": f"{db.name}.b", "viewOn": "other"}
    assert [one["viewOn"] for one in views.find({"viewOn": {"$exists": True}}, sort=[("_id", -1)], limit=1)] == ["other"]
    assert [one["viewOn"] for one in views.find(batch_size=1).skip(1)] == ["other"]
    assert [one["viewOn"] for one in views.find(hint=[("$natural", -1)])] == ["other", "plain"]


def test_count_and_distinct(views: Any) -> None:
    assert (views.count_documents({}), views.estimated_document_count(), views.count_documents({"viewOn": "other"})) == (2, 2, 1)
    assert sorted(views.distinct("viewOn")) == ["other", "plain"]


def test_pipelines(db: Database[Any], views: Any) -> None:
    assert list(views.aggregate([{"$match": {"viewOn": "other"}}, {"$project": {"_id": 0, "viewOn": 1}}])) == [{"viewOn": "other"}]
    lookup = {"$lookup": {"from": "system.views", "localField": "a", "foreignField": "_id", "as": "view"}}
    assert [one["viewOn"] for one in db.plain.aggregate([lookup]).next()["view"]] == ["other"]
    assert len(list(db.plain.aggregate([{"$unionWith": "system.views"}]))) == 3


def test_the_configuration_of_the_replica_set(db: Database[Any]) -> None:
    config = db.client.admin.command("replSetGetConfig")["config"]
    assert db.client.local["system.replset"].find_one() == config
    assert db.client.local["system.replset"].count_documents({}) == 1
    assert db["system.replset"].find_one() is None


def test_versions(db: Database[Any]) -> None:
    versions = {entry.pop("_id"): entry for entry in db.client.admin["system.version"].find()}
    assert versions == {"featureCompatibilityVersion": {"version": "8.2"}, "authSchema": {"currentVersion": 5}}
    assert db["system.version"].count_documents({}) == 0
