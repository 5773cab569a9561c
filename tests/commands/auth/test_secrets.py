"""No password, key or proof appears in a log, an error, currentOp, the profiler or the oplog."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from pathlib import Path
from typing import Any

import pytest
from bson import json_util
from bson.binary import Binary
from pymongo import MongoClient

from secantus_server.interceptors.command_log import CommandLog
from secantus_server.server import SecantusDBServer
from tests.commands.auth.scram_client import ScramClient, go_on, salted_password
from tests.commands.auth.with_access import code, connect
from tests.net.raw_client import RawClient, connected

OLD, NEW, WRONG = "old-secret-1", "new-secret-2", "wrong-secret-3"


def keys(user: str, password: str, server_first: bytes) -> list[bytes]:
    """Return the keys that can be computed only with the password."""
    fields = dict(part.split("=", 1) for part in server_first.decode().split(","))
    salted = salted_password(user, password, base64.b64decode(fields["s"]), int(fields["i"]))
    return [salted, *(hmac.digest(salted, name, "sha1") for name in (b"Client Key", b"Server Key"))]


def forms(secrets: list[str | bytes]) -> list[str]:
    """Return the texts in which secrets could appear."""
    found = [secret for secret in secrets if type(secret) is str]
    for secret in (secret.encode() if type(secret) is str else secret for secret in secrets):
        found += [base64.b64encode(secret).decode(), secret.hex(), secret.hex().upper()]
    return found


def login(client: RawClient, password: str) -> list[str | bytes]:
    """Try to log in as `u`. Return the secrets of the conversation."""
    scram = ScramClient("u", password)
    first = client.run(scram.start(skipEmptyExchange=True))["payload"]
    final = scram.final(first)
    client.run(go_on(final))
    proof = final.partition(",p=")[2]
    return [password, proof, base64.b64decode(proof), *keys("u", password, first)]


def observed(root: MongoClient[dict[str, Any]]) -> list[str]:
    """Return everything about the past that a superuser can see."""
    texts = [json_util.dumps(list(root.admin[name].find())) for name in ("system.profile",)]
    texts.append(json_util.dumps(list(root.local["oplog.rs"].find())))
    texts.append(json_util.dumps(root.admin.command({"currentOp": 1, "$all": True})))
    texts.append(json_util.dumps(list(root.admin.aggregate([{"$currentOp": {"allUsers": True, "idleConnections": True}}]))))
    texts += [line for name in ("global", "startupWarnings") for line in root.admin.command("getLog", name)["log"]]
    texts.append(json_util.dumps(root.admin.command({"usersInfo": "u", "showPrivileges": True})))
    return texts


def test_secrets_are_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="secantus")
    errors: list[str] = []
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="debug", require_auth=True) as server, connected(server) as client:
        with MongoClient(server.uri) as first:
            first.admin.command("createUser", "root", pwd="root-secret-0", roles=["root"])
        with connect(server, "root", "root-secret-0") as root:
            root.admin.command("setParameter", 1, logComponentVerbosity={"verbosity": 5})
            root.admin.command("profile", 2)
            root.admin.command("createUser", "u", pwd=OLD, roles=["read"])
            secrets = login(client, OLD)
            root.admin.command("updateUser", "u", pwd=NEW)
            secrets += [secret for password in (OLD, NEW, WRONG) for secret in login(client, password)]
            for command in ({"createUser": "v", "pwd": NEW, "roles": []}, {"updateUser": "u", "pwd": NEW}):
                errors.append(str(client.run({**command, "$db": "other"})))
            assert code(root.admin, {"createUser": "u", "pwd": NEW, "roles": []}) == 51003
            payload = Binary(b"n,,n=u,r=" + WRONG.encode(), 0)
            errors.append(str(client.run({"saslStart": 1, "mechanism": "NONE", "payload": payload, "$db": "admin"})))
            stored = root.admin["system.users"].find_one({"user": "u"})
            assert stored is not None
            secrets += [one[key] for one in stored["credentials"].values() for key in ("storedKey", "serverKey")]
            texts = [*observed(root), *errors, caplog.text]
        assert "Authentication of u@admin failed" in caplog.text
    assert any("createUser" in text for text in texts)
    for form in forms([*secrets, "root-secret-0", hashlib.md5(f"u:mongo:{NEW}".encode()).hexdigest()]):
        assert [text for text in texts if form in text] == []


KEY = "a stored key"
CREDENTIALS = {"SCRAM-SHA-256": {"iterationCount": 15000, "salt": "c2FsdA==", "storedKey": KEY, "serverKey": KEY}}
STORED = {"_id": "admin.v", "user": "v", "db": "admin", "credentials": CREDENTIALS, "roles": []}
# What mongorestore or an administrator might send: documents with keys, passwords in commands that do not exist or are refused.
WITH_KEYS: list[dict[str, Any]] = [
    {"insert": "system.users", "documents": [STORED]},
    {"insert": "system.users", "documents": [STORED]},
    {"insert": "tempusers", "documents": [STORED]},
    {"update": "system.users", "updates": [{"q": {"_id": "admin.v"}, "u": {"$set": {"credentials": CREDENTIALS}}}]},
    {"findAndModify": "system.users", "query": {"_id": "admin.v"}, "update": {"$set": {"credentials": CREDENTIALS}}, "fields": {"user": 1}},
    {"find": "system.users", "filter": {"credentials.SCRAM-SHA-256.storedKey": KEY}, "projection": {"user": 1}},
    {"explain": {"find": "system.users", "filter": {"credentials.SCRAM-SHA-256.storedKey": KEY}}},
    {"bulkWrite": 1, "nsInfo": [{"ns": "admin.tempusers"}], "ops": [{"insert": 0, "document": {**STORED, "_id": "admin.w"}}]},
    {"applyOps": [{"op": "i", "ns": "admin.system.users", "o": STORED}]},
    {"applyOps": [{"op": "c", "ns": "admin.$cmd", "o": {"createUser": "v", "pwd": KEY, "roles": []}}]},
    {"applyOps": [{"op": "c", "ns": "admin.$cmd", "o": {"applyOps": [{"op": "i", "ns": "admin.system.users", "o": STORED}]}}]},
    {"aggregate": 1, "pipeline": [{"$documents": [STORED]}, {"$merge": {"into": "system.users"}}], "cursor": {}},
    {"explain": {"createUser": "v", "pwd": KEY, "roles": []}},
    {"explain": {"createUser": "v", "password": KEY, "roles": []}},
    {"createUser": "v", "password": KEY, "roles": []},
    {"updateUser": "v", "pwdd": KEY},
    {"createUser": "v", "Pwd": KEY, "roles": []},
    {"authenticate": 1, "mechanism": "MONGODB-CR", "user": "u", "key": KEY},
]


def test_keys_and_passwords_elsewhere_are_shown_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with (
        SecantusDBServer(port=0, storage_path=":memory:", log_file=str(path), log_format="json") as server,
        MongoClient(server.uri) as root,
    ):
        root.admin.command("profile", 2, slowms=-1)
        log = CommandLog()
        server.services.interceptors.install(log)
        with connected(server) as client:
            errors = [str(client.run({**command, "$db": "admin"}).get("errmsg")) for command in WITH_KEYS]
        root.admin.command("createUser", "u", pwd=KEY, roles=[])
        root.admin.tempusers.insert_many([{**STORED, "_id": number} for number in range(3)])
        # The message of a duplicate key error would contain the key.
        index = {
            "createIndexes": "tempusers",
            "indexes": [{"key": {"credentials.SCRAM-SHA-256.storedKey": 1}, "name": "k", "unique": True}],
        }
        assert code(root.admin, index) == 11000
        texts = [*observed(root), *errors, *(text for record in log.records() for text in (record.text, record.shape))]
    lines = path.read_text(encoding="utf-8")
    assert all(f'"command":{{"{next(iter(command))}":' in lines for command in WITH_KEYS)
    assert [text for text in [*texts, *lines.splitlines()] if KEY in text] == []
    assert "RawDocument" not in lines
