"""Collections that MongoDB has and this server does not keep as collections: they are not read as empty ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import OperationFailure

READS: list[Callable[[Database[Any], str], Any]] = [
    lambda db, name: list(db[name].find()),
    lambda db, name: db[name].find_one({"_id": 1}),
    lambda db, name: db[name].count_documents({}),
    lambda db, name: db[name].estimated_document_count(),
    lambda db, name: db[name].distinct("_id"),
    lambda db, name: list(db.plain.aggregate([{"$lookup": {"from": name, "localField": "a", "foreignField": "_id", "as": "x"}}])),
    lambda db, name: list(db.plain.aggregate([{"$unionWith": name}])),
]


@pytest.mark.parametrize("read", READS)
def test_system_views_is_not_read_where_there_are_views(db: Database[Any], read: Callable[[Database[Any], str], Any]) -> None:
    db.plain.insert_one({"a": 1})
    read(db, "system.views")
    db.command("create", "shown", viewOn="plain", pipeline=[])
    with pytest.raises(OperationFailure, match="ask listCollections") as caught:
        read(db, "system.views")
    assert caught.value.code == 238


@pytest.mark.parametrize("read", READS[:5])
def test_the_oplog_is_not_read(db: Database[Any], read: Callable[[Database[Any], str], Any]) -> None:
    with pytest.raises(OperationFailure, match="not supported by Secantus yet") as caught:
        read(db.client.local, "oplog.rs")
    assert caught.value.code == 238
