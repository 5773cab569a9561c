"""getClusterParameter and setClusterParameter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from tests.failing import code

OFF = {"preAndPostImages": {"expireAfterSeconds": "off"}}


def test_the_expiry_of_images_is_set_and_shown(db: Database[Any]) -> None:
    admin = db.client.admin
    assert admin.command("getClusterParameter", "changeStreamOptions")["clusterParameters"] == [{"_id": "changeStreamOptions", **OFF}]
    try:
        admin.command("setClusterParameter", {"changeStreamOptions": {"preAndPostImages": {"expireAfterSeconds": 100}}})
        [shown] = admin.command("getClusterParameter", ["changeStreamOptions"])["clusterParameters"]
        assert shown["preAndPostImages"] == {"expireAfterSeconds": 100}
        admin.command("setClusterParameter", {"changeStreamOptions": {"preAndPostImages": {"expireAfterSeconds": 200}}})
        [later] = admin.command("getClusterParameter", ["changeStreamOptions"])["clusterParameters"]
        assert later["clusterParameterTime"] > shown["clusterParameterTime"]
    finally:
        admin.command("setClusterParameter", {"changeStreamOptions": OFF})
    assert len(admin.command("getClusterParameter", "*")["clusterParameters"]) > 1


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"getClusterParameter": ["*"]}, 4),
        ({"getClusterParameter": []}, 2),
        ({"getClusterParameter": 1}, 14),
        ({"setClusterParameter": {"unknown": {}}}, 4),
        ({"setClusterParameter": None}, 40414),
        ({"setClusterParameter": 1}, 14),
        ({"setClusterParameter": {}}, 4),
        ({"setClusterParameter": {"changeStreamOptions": OFF, "changeStreams": {}}}, 72),
        ({"setClusterParameter": {"changeStreamOptions": OFF}, "writeConcern": {"w": 1}}, 72),
        ({"setClusterParameter": {"changeStreamOptions": 1}}, 2),
        ({"setClusterParameter": {"changeStreamOptions": {}}}, 2),
        ({"setClusterParameter": {"changeStreamOptions": {"preAndPostImages": None}}}, 2),
        ({"setClusterParameter": {"changeStreamOptions": {"$other": 1}}}, 52),
        ({"setClusterParameter": {"changeStreamOptions": {**OFF, "other": 1}}}, 2),
        ({"setClusterParameter": {"changeStreams": {"expireAfterSeconds": 0}}}, 2),
        ({"setClusterParameter": {"changeStreams": {"expireAfterSeconds": "1"}}}, 14),
        ({"setClusterParameter": {"pauseMigrationsDuringMultiUpdates": {"enabled": 1}}}, 14),
        ({"setClusterParameter": {"changeStreamOptions": {"preAndPostImages": {"expireAfterSeconds": 0}}}}, 2),
        ({"setClusterParameter": {"changeStreamOptions": {"preAndPostImages": {"expireAfterSeconds": "on"}}}}, 2),
        ({"setClusterParameter": {"defaultMaxTimeMS": {"readOperations": 5}}}, 238),
    ],
)
def test_what_is_refused(db: Database[Any], command: dict[str, Any], expected: int) -> None:
    assert code(db.client.admin, command) == expected


@pytest.mark.parametrize(
    ("name", "field", "value", "default"),
    [("changeStreams", "expireAfterSeconds", 5000, 3600), ("pauseMigrationsDuringMultiUpdates", "enabled", True, False)],
)
def test_null_is_the_default(db: Database[Any], name: str, field: str, value: Any, default: Any) -> None:
    admin = db.client.admin
    for given, expected in ((value, value), (None, default)):
        admin.command("setClusterParameter", {name: {field: given}})
        assert admin.command("getClusterParameter", name)["clusterParameters"][0][field] == expected


def test_a_parameter_survives_a_restart_and_a_restore_undoes_it(tmp_path: Path) -> None:
    options: dict[str, Any] = {"port": 0, "storage_path": str(tmp_path), "log_level": "error"}

    def seconds(client: MongoClient[Any]) -> Any:
        [shown] = client.admin.command("getClusterParameter", "changeStreamOptions")["clusterParameters"]
        return shown["preAndPostImages"]["expireAfterSeconds"]

    def set_seconds(client: MongoClient[Any], value: int) -> None:
        client.admin.command("setClusterParameter", {"changeStreamOptions": {"preAndPostImages": {"expireAfterSeconds": value}}})

    with SecantusDBServer(**options) as server, MongoClient(server.uri) as client:
        set_seconds(client, 1)
        set_seconds(client, 100)
        stored = client.config.clusterParameters.find_one()
        assert stored is not None
        assert list(stored) == ["_id", "clusterParameterTime", "preAndPostImages"]
        snapshot = server.snapshot()
        set_seconds(client, 200)
        server.restore(snapshot)
        assert seconds(client) == 100
        set_seconds(client, 300)
        server.restore(snapshot)
    with SecantusDBServer(**options) as server, MongoClient(server.uri) as client:
        assert seconds(client) == 100
