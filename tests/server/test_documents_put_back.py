"""Documents that are set aside and put back are not validated again."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient

from secantus_server.server import SecantusDBServer


def test_a_collection_of_the_level_constraint() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", compat="9.0") as server:
        client: MongoClient[dict[str, Any]] = MongoClient(server.uri)
        with client:
            snapshot = server.snapshot()
            collection = client.db.create_collection("c", validator={"a": 1}, validationLevel="constraint")
            collection.insert_one({"_id": 1, "a": 1})
            aside = server.set_aside(snapshot)
            assert client.db.list_collection_names() == []
            server.put_back(aside)
            assert list(collection.find()) == [{"_id": 1, "a": 1}]
            assert collection.options()["validationLevel"] == "constraint"
