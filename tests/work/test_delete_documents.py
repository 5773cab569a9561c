"""Delete statements that are retried after a write conflict."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.collation import Collation
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from secantus_server.work.delete_documents import run_delete
from tests.conflicts import conflicting_request

DOCUMENTS = [{"_id": 1, "s": "x"}, {"_id": 2, "s": "X"}, {"_id": 3, "s": "y"}]


@pytest.mark.parametrize(("limit", "deleted"), [(0, 2), (1, 1)])
def test_a_collection_replaced_before_the_first_batch(
    db: Database[dict[str, Any]], server: SecantusDBServer, limit: int, deleted: int
) -> None:
    """The statement is parsed for the collection from which it deletes, so the collation of the new collection applies."""
    db.c.insert_many(DOCUMENTS)

    def replace() -> None:
        db.c.drop()
        db.create_collection("c", collation=Collation("en", strength=2))
        db.c.insert_many(DOCUMENTS)

    request = conflicting_request(server, db.name, "delete", replace)
    spec = {"q": {"s": "x"}, "limit": limit, "collation": None, "hint": None}
    assert run_delete(request, "c", spec, {}) == deleted
    assert db.c.count_documents({}) == 3 - deleted


@pytest.mark.parametrize("limit", [0, 1])
def test_a_collection_dropped_before_the_first_batch(db: Database[dict[str, Any]], server: SecantusDBServer, limit: int) -> None:
    db.c.insert_many(DOCUMENTS)
    request = conflicting_request(server, db.name, "delete", db.c.drop)
    assert run_delete(request, "c", {"q": {}, "limit": limit, "collation": None, "hint": None}, {}) == 0
