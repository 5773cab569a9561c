"""replSetReconfig: new versions of the configuration, and what cannot be changed."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import NotPrimaryError

from secantus_server import SecantusDBServer
from tests.failing import failure


def reconfigured(admin: Database[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """Return the command with the current configuration, a newer version, and changes of its fields."""
    config = admin.command("replSetGetConfig")["config"]
    return {"replSetReconfig": {**config, "version": config["version"] + 1, **changes}}


def member(admin: Database[dict[str, Any]], **changes: Any) -> list[dict[str, Any]]:
    return [{**admin.command("replSetGetConfig")["config"]["members"][0], **changes}]


@pytest.fixture
def admin(client: MongoClient[dict[str, Any]]) -> Database[dict[str, Any]]:
    return client.admin


def test_a_new_version(admin: Database[dict[str, Any]]) -> None:
    before = admin.command("hello")
    admin.command(reconfigured(admin))
    version = before["setVersion"] + 1
    hello = admin.command("hello")
    assert (hello["setVersion"], hello["topologyVersion"]["counter"]) == (version, before["topologyVersion"]["counter"] + 1)
    assert admin.command("replSetGetStatus")["members"][0]["configVersion"] == version
    assert admin.command("serverStatus")["repl"]["setVersion"] == version
    assert failure(admin, reconfigured(admin, version=version))["code"] == 103
    # Default values may be omitted, and `force` accepts any version.
    short = {"_id": hello["setName"], "version": 1, "members": [{"_id": 0, "host": hello["me"]}]}
    admin.command({"replSetReconfig": short, "force": True})
    assert admin.command("replSetGetConfig")["config"]["version"] == version + 1


def test_the_election_timeout(admin: Database[dict[str, Any]]) -> None:
    admin.command(reconfigured(admin, settings={"electionTimeoutMillis": 5000}))
    assert admin.command("replSetGetConfig")["config"]["settings"]["electionTimeoutMillis"] == 5000
    admin.command(reconfigured(admin, settings={}))
    assert admin.command("replSetGetConfig")["config"]["settings"]["electionTimeoutMillis"] == 10_000


def test_what_cannot_be_changed(admin: Database[dict[str, Any]]) -> None:
    cases: list[tuple[dict[str, Any], int]] = [
        ({"_id": "other"}, 103),
        ({"version": 0}, 93),
        ({"version": 1.5}, 93),
        ({"version": "2"}, 93),
        ({"members": []}, 93),
        ({"members": [1]}, 93),
        ({"settings": 1}, 93),
        ({"settings": {"replicaSetId": 1}}, 103),
        ({"settings": {"heartbeatIntervalMillis": 1}}, 238),
        ({"settings": {"electionTimeoutMillis": 0}}, 93),
        ({"settings": {"electionTimeoutMillis": "1"}}, 93),
        ({"protocolVersion": 0}, 238),
        ({"members": member(admin) * 2}, 238),
        ({"members": member(admin, host="other:27017")}, 238),
        ({"members": member(admin, priority=2)}, 238),
    ]
    for changes, code in cases:
        assert failure(admin, reconfigured(admin, **changes))["code"] == code, changes
    assert failure(admin, {"replSetReconfig": 1})["code"] == 14


def test_a_secondary_takes_forced_versions_only(admin: Database[dict[str, Any]]) -> None:
    command = reconfigured(admin)
    admin.command("replSetStepDown", 60, force=True)
    admin.command("replSetFreeze", 60)
    with pytest.raises(NotPrimaryError, match="writable PRIMARY"):
        admin.command(command)
    admin.command({**command, "force": True})
    admin.command("replSetStepUp", 1)


def test_a_standalone_server() -> None:
    with (
        SecantusDBServer(port=0, storage_path=":memory:", log_level="error", replica_set="") as server,
        MongoClient[dict[str, Any]](server.uri) as client,
    ):
        assert failure(client.admin, {"replSetReconfig": {}})["code"] == 76
