"""Authentication by SCRAM, on a server without access control."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from bson.binary import Binary
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from tests.commands.auth.scram_client import ScramClient, go_on
from tests.failing import code, failure
from tests.net.raw_client import connected

ROLES = ["readWrite"]


@pytest.fixture
def users(db: Database) -> Iterator[Database]:
    db.command({"createUser": "u,=x", "pwd": "p\u00e4ss", "roles": ROLES})
    db.command({"createUser": "old", "pwd": "p", "roles": [], "mechanisms": ["SCRAM-SHA-1"]})
    yield db
    db.command({"dropAllUsersFromDatabase": 1})


@pytest.mark.parametrize(
    ("user", "password", "mechanism"),
    [("u,=x", "p\u00e4ss", None), ("u,=x", "p\u00e4ss", "SCRAM-SHA-1"), ("u,=x", "p\u00e4ss", "SCRAM-SHA-256"), ("old", "p", None)],
)
def test_who_knows_the_password_is_authenticated(
    server: SecantusDBServer, users: Database, user: str, password: str, mechanism: str | None
) -> None:
    chosen = {} if mechanism is None else {"authMechanism": mechanism}
    with MongoClient(server.uri, username=user, password=password, authSource=users.name, **chosen) as client:
        client[users.name].c.insert_one({})
        info = client.admin.command("connectionStatus")["authInfo"]
        assert info["authenticatedUsers"] == [{"user": user, "db": users.name}]
        assert info["authenticatedUserRoles"] == ([{"role": "readWrite", "db": users.name}] if user != "old" else [])
        (mine,) = [one for one in client.admin.aggregate([{"$currentOp": {}}]) if one["command"].get("aggregate") == 1]
        assert mine["effectiveUsers"] == info["authenticatedUsers"]


@pytest.mark.parametrize(
    ("user", "password", "mechanism"),
    [("u,=x", "wrong", "SCRAM-SHA-256"), ("u,=x", "wrong", "SCRAM-SHA-1"), ("nobody", "p", "SCRAM-SHA-256"), ("old", "p", "SCRAM-SHA-256")],
)
def test_who_does_not_is_refused(
    server: SecantusDBServer, users: Database, user: str, password: str, mechanism: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.services.log.set_verbose(True)
    options: dict[str, Any] = {"authMechanism": mechanism, "authSource": users.name, "directConnection": True}
    with (
        caplog.at_level(logging.WARNING),
        MongoClient(server.uri, username=user, password=password, **options) as client,
        pytest.raises(OperationFailure) as caught,
    ):
        client.admin.command("ping")
    server.services.log.set_verbose(False)
    assert (caught.value.code, caught.value.details and caught.value.details["errmsg"]) == (18, "Authentication failed.")
    assert f"Authentication of {user}@{users.name} failed" in caplog.text


def test_a_name_cannot_forge_a_line_of_the_log(server: SecantusDBServer, caplog: pytest.LogCaptureFixture) -> None:
    server.services.log.set_verbose(True)
    with caplog.at_level(logging.WARNING), connected(server) as client:
        for name in ("x\nforged", "y" * 5000):
            scram = ScramClient(name, "")
            client.run(go_on(scram.final(client.run(scram.start())["payload"])))
    server.services.log.set_verbose(False)
    assert "Authentication of x?forged@admin failed" in caplog.text
    assert "y" * 200 in caplog.text
    assert "y" * 201 not in caplog.text


def test_hello_names_the_mechanisms_of_a_user(users: Database) -> None:
    for user, expected in (("u,=x", ["SCRAM-SHA-1", "SCRAM-SHA-256"]), ("old", ["SCRAM-SHA-1"]), ("nobody", None)):
        assert users.command({"hello": 1, "saslSupportedMechs": f"{users.name}.{user}"}).get("saslSupportedMechs") == expected


def payload(text: str) -> Binary:
    return Binary(text.encode(), 0)


def start(text: str = "n,,n=old,r=abc", **options: Any) -> dict[str, Any]:
    return {"saslStart": 1, "mechanism": "SCRAM-SHA-1", "payload": payload(text), **options}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (start(mechanism="SCRAM-SHA-512"), 334),
        (start(mechanism="PLAIN"), 238),
        (start(payload=1), 14),
        (start(payload="?"), 18),
        (start("p=tls-unique,,n=old,r=abc"), 18),
        (start("n,,n=old"), 18),
        (start(""), 18),
        ({"saslContinue": 1, "conversationId": 1, "payload": payload("")}, 17),
    ],
)
def test_messages_that_cannot_be(users: Database, command: dict[str, Any], expected: int) -> None:
    assert code(users, command) == expected


def test_a_failed_proof_ends_the_conversation(server: SecantusDBServer, users: Database) -> None:
    # A single connection, so that it carries both messages.
    with MongoClient(server.uri, maxPoolSize=1) as client:
        db = client[users.name]
        first = db.command(start())
        nonce = first["payload"].decode().split(",")[0]
        assert nonce.startswith("r=abc")
        assert (first["conversationId"], first["done"]) == (1, False)
        proof = b64encode(bytes(20)).decode()
        assert code(db, {"saslContinue": 1, "conversationId": 2, "payload": payload("")}) == 17
        last = {"saslContinue": 1, "conversationId": 1, "payload": payload(f"c=biws,{nonce},p={proof}")}
        assert failure(db, last)["code"] == 18
        assert code(db, last) == 17


def test_logout(server: SecantusDBServer, users: Database) -> None:
    with MongoClient(server.uri, username="old", password="p", authSource=users.name, maxPoolSize=1) as client:
        client.admin.command("logout")
        assert client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"] != []
        privileges = client.admin.command({"connectionStatus": 1, "showPrivileges": True})["authInfo"]["authenticatedUserPrivileges"]
        assert privileges == [{"resource": {"anyResource": True}, "actions": ["anyAction"]}]
        client[users.name].command("logout")
        assert client.admin.command("connectionStatus")["authInfo"]["authenticatedUsers"] == []
