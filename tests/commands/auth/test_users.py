"""The commands on users and roles, on a server without access control."""

from __future__ import annotations

import hashlib
import hmac
import logging
from base64 import b64decode
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.auth.scram import make_credentials, prepare_password
from secantus_server.errors import CommandError
from secantus_server.server import SecantusDBServer
from secantus_server.settings import SettingsError
from tests.failing import code, failure


@pytest.fixture(autouse=True)
def _no_users(db: Database) -> Any:
    yield
    db.command({"dropAllUsersFromDatabase": 1})
    db.command({"dropAllRolesFromDatabase": 1})


def users(db: Database, which: Any = 1, **options: Any) -> list[dict[str, Any]]:
    return db.command({"usersInfo": which, **options})["users"]


def create(db: Database, name: str = "u", **fields: Any) -> dict[str, Any]:
    return db.command({"createUser": name, "pwd": "secret", "roles": [], **fields})


def test_a_user(db: Database) -> None:
    create(db, roles=["readWrite", {"role": "root", "db": "admin"}, "readWrite"], customData={"a": 1})
    (user,) = users(db)
    assert user.pop("userId").subtype == 4
    roles = [{"role": "readWrite", "db": db.name}, {"role": "root", "db": "admin"}]
    shown = {"_id": f"{db.name}.u", "user": "u", "db": db.name, "roles": roles, "customData": {"a": 1}}
    assert user == {**shown, "mechanisms": ["SCRAM-SHA-1", "SCRAM-SHA-256"]}
    stored = db.client.admin["system.users"].find_one({"user": "u", "db": db.name})
    assert stored is not None
    assert "secret" not in str(stored)
    assert "u" in [user["user"] for user in db.client.admin["system.users"].find()]


@pytest.mark.parametrize(
    ("command", "expected", "text"),
    [
        ({"createUser": "v", "pwd": "p"}, 40414, "BSON field 'createUser.roles' is missing but a required field"),
        ({"createUser": "v", "roles": []}, 2,
         "Must provide a 'pwd' field for all user documents, except those with '$external' as the user's source db"),
        ({"createUser": "v", "pwd": True, "roles": []}, 14, "BSON field 'createUser.pwd' is the wrong type 'bool', expected type 'string'"),
        ({"createUser": "", "pwd": "p", "roles": []}, 2, None),
        ({"createUser": "v", "pwd": "", "roles": []}, 50687, None),
        ({"createUser": "v", "pwd": "p", "roles": [1]}, 2, "RoleName must be either a string or an object"),
        ({"createUser": "v", "pwd": "p", "roles": [{"role": "read"}]}, 2, "RoleName must contain a field named: db"),
        ({"createUser": "v", "pwd": "p", "roles": [], "mechanisms": []}, 2, "mechanisms field must not be empty"),
        ({"createUser": "v", "pwd": "p", "roles": [], "mechanisms": ["BAD"]}, 2, "Unknown auth mechanism 'BAD'"),
        ({"createUser": "v", "pwd": "p", "roles": [], "digestPassword": False, "mechanisms": ["SCRAM-SHA-256"]}, 2, None),
        ({"createUser": "v", "pwd": "p", "roles": [], "authenticationRestrictions": [{"x": []}]}, 2, None),
        ({"createUser": "v", "pwd": "p", "roles": [], "other": 1}, 40415, None),
        ({"updateUser": "u"}, 2, "Must specify at least one field to update in updateUser"),
        ({"updateUser": "u", "mechanisms": ["BAD"]}, 2, None),
        ({"updateUser": "u", "mechanisms": [["SCRAM-SHA-1"]]}, 2, "mechanisms must be an array of strings, not of array"),
        ({"createUser": "v", "pwd": "p", "roles": [], "mechanisms": [{}]}, 2, "mechanisms must be an array of strings, not of object"),
        ({"grantRolesToUser": "u", "roles": []}, 2, 'grantRolesToUser command requires a non-empty "roles" array'),
        ({"usersInfo": True}, 2, "UserName must be either a string or an object"),
        ({"usersInfo": {"foo": "bar"}}, 2, "UserName contains an unknown field named: 'foo"),
        ({"usersInfo": {"user": 1, "db": "d"}}, 2, "UserName must contain a string field named: user. But, has type int"),
        ({"usersInfo": [{"user": "u"}]}, 2, "UserName must contain a field named: db"),
        ({"rolesInfo": 1, "showPrivileges": "asUserFragment"}, 20, "Cannot get user fragment for all roles in a database"),
        ({"rolesInfo": "read", "showPrivileges": "other"}, 9, None),
        ({"usersInfo": 1, "showPrivileges": True}, 20, "Privilege or restriction details require exact-match usersInfo queries."),
        ({"usersInfo": "u", "filter": {"a": 1}, "showAuthenticationRestrictions": True}, 20, None),
    ],
)  # fmt: skip
def test_what_cannot_be(db: Database, command: dict[str, Any], expected: int, text: str | None) -> None:
    create(db)
    found = failure(db, command)
    assert found["code"] == expected
    assert text is None or found["errmsg"] == text
    assert [user["user"] for user in users(db)] == ["u"]


def test_errors_name_the_user(db: Database) -> None:
    create(db)
    expected = {
        "createUser": (51003, f'User "u@{db.name}" already exists'),
        "updateUser": (11, f"User x@{db.name} not found"),
        "dropUser": (11, f"User 'x@{db.name}' not found"),
        "grantRolesToUser": (11, f'Could not find user "x" for db "{db.name}"'),
    }
    fields: dict[str, dict[str, Any]] = {
        "createUser": {"pwd": "p", "roles": []}, "updateUser": {"pwd": "p"}, "dropUser": {}, "grantRolesToUser": {"roles": ["read"]},
    }  # fmt: skip
    for name, (number, text) in expected.items():
        found = failure(db, {name: "u" if name == "createUser" else "x", **fields[name]})
        assert (found["code"], found["errmsg"]) == (number, text)
    found = failure(db, {"createUser": "v", "pwd": "p", "roles": ["unknown"]})
    assert (found["code"], found["errmsg"]) == (31, f"Could not find role: unknown@{db.name}")


def test_changes(db: Database) -> None:
    create(db, roles=["read"])
    (before,) = users(db, showCredentials=True)
    db.command({"updateUser": "u", "pwd": "other", "customData": {"b": 1}})
    db.command({"grantRolesToUser": "u", "roles": ["dbAdmin", "read"]})
    (user,) = users(db, "u", showCredentials=True)
    assert user["userId"] == before["userId"]
    assert user["credentials"] != before["credentials"]
    assert [role["role"] for role in user["roles"]] == ["read", "dbAdmin"]
    assert user["customData"] == {"b": 1}
    db.command({"revokeRolesFromUser": "u", "roles": ["read"]})
    db.command({"updateUser": "u", "mechanisms": ["SCRAM-SHA-256"]})
    (user,) = users(db, "u")
    assert ([role["role"] for role in user["roles"]], user["mechanisms"]) == (["dbAdmin"], ["SCRAM-SHA-256"])
    assert code(db, {"updateUser": "u", "mechanisms": ["SCRAM-SHA-1"]}) == 2


def test_which_users_are_shown(db: Database) -> None:
    other = db.client[f"{db.name}_other"]
    for name in ("b", "a"):
        create(db, name)
    create(other, "c")
    assert [user["user"] for user in users(db)] == ["a", "b"]
    assert [user["user"] for user in users(db, ["b", {"user": "c", "db": other.name}, "missing"])] == ["b", "c"]
    assert {"a", "b", "c"} <= {user["user"] for user in users(db, {"forAllDBs": True})}
    assert [user["user"] for user in users(db, filter={"user": "a"})] == ["a"]
    assert "customData" not in users(db, "a", showCustomData=False)[0]
    assert users(db, "a", showAuthenticationRestrictions=True)[0]["authenticationRestrictions"] == []
    assert other.command({"dropAllUsersFromDatabase": 1})["n"] == 1
    db.command({"dropUser": "a"})
    assert [user["user"] for user in users(db)] == ["b"]


def test_an_external_user_has_no_password(client: MongoClient) -> None:
    external = client["$external"]
    assert code(external, {"createUser": "CN=x", "pwd": "p", "roles": []}) == 2
    external.command({"createUser": "CN=x", "roles": [{"role": "read", "db": "d"}]})
    assert users(external)[0]["mechanisms"] == ["external"]
    external.command({"dropUser": "CN=x"})


def test_users_belong_to_snapshots(db: Database, server: SecantusDBServer) -> None:
    create(db, "kept")
    with server.checkpoint():
        create(db, "undone")
        db.command({"dropUser": "kept"})
    assert [user["user"] for user in users(db)] == ["kept"]


def test_users_survive_a_restart(tmp_path: Path) -> None:
    for round_ in range(2):
        with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
            if not round_:
                create(client.d)
            assert [user["user"] for user in users(client.d)] == ["u"]


def test_the_log_says_that_nothing_is_enforced(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(server.uri) as client:
        create(client.d)
        client.d.command("logout")
    assert "The user u@d is stored, but access control is off" in caplog.text


def test_privileges_of_a_user(db: Database) -> None:
    found = [{"resource": {"db": db.name, "collection": "c"}, "actions": ["find", "insert"]}]
    db.command({"createRole": "r", "privileges": found, "roles": [], "authenticationRestrictions": [{"clientSource": ["127.0.0.1"]}]})
    db.command({"createRole": "s", "privileges": [], "roles": ["r"]})
    create(db, roles=["s"])
    (user,) = users(db, "u", showPrivileges=True)
    assert user["inheritedRoles"] == [{"role": name, "db": db.name} for name in ("s", "r")]
    assert user["inheritedPrivileges"] == found
    assert user["inheritedAuthenticationRestrictions"] == [[{"clientSource": ["127.0.0.1"]}]]
    assert user["authenticationRestrictions"] == []


def test_the_iteration_counts_are_parameters(db: Database) -> None:
    db.client.admin.command("setParameter", 1, scramIterationCount=5000, scramSHA256IterationCount=6000)
    create(db)
    (user,) = users(db, "u", showCredentials=True)
    assert [user["credentials"][name]["iterationCount"] for name in ("SCRAM-SHA-1", "SCRAM-SHA-256")] == [5000, 6000]
    assert code(db.client.admin, {"setParameter": 1, "scramIterationCount": 4999}) == 2
    db.client.admin.command("setParameter", 1, scramIterationCount=10_000, scramSHA256IterationCount=15_000)


def test_the_iteration_counts_are_settings() -> None:
    counts = {"scram_iteration_count": 6000, "scram_sha256_iteration_count": 7000}
    with SecantusDBServer(port=0, storage_path=":memory:", **counts) as server, MongoClient(server.uri) as client:
        create(client.test)
        (user,) = users(client.test, "u", showCredentials=True)
    assert [user["credentials"][name]["iterationCount"] for name in ("SCRAM-SHA-1", "SCRAM-SHA-256")] == [6000, 7000]
    with pytest.raises(SettingsError, match="scram_iteration_count must be between 5000 and"):
        SecantusDBServer(scram_iteration_count=4999)


def test_credentials_are_those_of_scram() -> None:
    made = make_credentials("user", "pencil", ["SCRAM-SHA-1", "SCRAM-SHA-256"], Random(1))
    secrets = {"SCRAM-SHA-1": hashlib.md5(b"user:mongo:pencil").hexdigest().encode(), "SCRAM-SHA-256": b"pencil"}
    for name, algorithm in (("SCRAM-SHA-1", "sha1"), ("SCRAM-SHA-256", "sha256")):
        kept = made[name]
        salted = hashlib.pbkdf2_hmac(algorithm, secrets[name], b64decode(kept["salt"]), kept["iterationCount"])
        key = hmac.digest(salted, b"Client Key", algorithm)
        assert b64decode(kept["storedKey"]) == hashlib.new(algorithm, key).digest()
        assert b64decode(kept["serverKey"]) == hmac.digest(salted, b"Server Key", algorithm)


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        *[("", 50687), ("\u00ad", 50687), ("a\u0007", 50692)],
        # A character that Unicode 3.2 does not assign; text in both directions; right-to-left text that does not end with a right-to-left
        # character.
        *[("\u0221", 50692), ("\u0627a", 50692), ("\u06271", 50692)],
    ],
)
def test_passwords_that_saslprep_refuses(password: str, expected: int) -> None:
    with pytest.raises(CommandError) as caught:
        make_credentials("user", password, ["SCRAM-SHA-256"], Random(1))
    assert caught.value.code == expected


# The examples of https://datatracker.ietf.org/doc/html/rfc4013#section-3, and a right-to-left text.
@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u06271\u0628", "\u06271\u0628"),
    ],
)
def test_saslprep(password: str, expected: str) -> None:
    assert prepare_password(password) == expected


def privilege(db: Database, *actions: str) -> dict[str, Any]:
    return {"resource": {"db": db.name, "collection": "c"}, "actions": list(actions)}


def role(db: Database, name: str = "r", **options: Any) -> dict[str, Any]:
    return db.command({"rolesInfo": name, **options})["roles"][0]


def test_roles(db: Database) -> None:
    db.command({"createRole": "r", "privileges": [privilege(db, "find")], "roles": []})
    db.command({"createRole": "s", "privileges": [], "roles": ["r"]})
    create(db, roles=["s"])
    inherited = [{"role": "r", "db": db.name}]
    shown = {"_id": f"{db.name}.s", "role": "s", "db": db.name, "roles": inherited, "isBuiltin": False, "inheritedRoles": inherited}
    assert role(db, "s") == shown
    assert role(db, "s", showPrivileges=True)["inheritedPrivileges"] == [privilege(db, "find")]
    db.command({"grantPrivilegesToRole": "r", "privileges": [privilege(db, "find", "insert")]})
    assert role(db, showPrivileges=True)["privileges"] == [privilege(db, "find", "insert")]
    db.command({"revokePrivilegesFromRole": "r", "privileges": [privilege(db, "find")]})
    assert role(db, showPrivileges=True)["privileges"] == [privilege(db, "insert")]
    db.command({"grantRolesToRole": "r", "roles": ["read"]})
    assert role(db, "s")["inheritedRoles"] == [*inherited, {"role": "read", "db": db.name}]
    resources = [one["resource"] for one in role(db, "s", showPrivileges=True)["inheritedPrivileges"]]
    assert {"db": db.name, "collection": "system.js"} in resources
    db.command({"revokeRolesFromRole": "r", "roles": ["read"]})
    db.command({"updateRole": "r", "privileges": []})
    assert role(db, showPrivileges=True)["privileges"] == []
    db.command({"dropRole": "s"})
    assert users(db)[0]["roles"] == []
    assert [one["role"] for one in db.command({"rolesInfo": 1})["roles"]] == ["r"]
    assert "dbOwner" in [one["role"] for one in db.command({"rolesInfo": 1, "showBuiltinRoles": True})["roles"]]
    assert role(db, "read")["isBuiltin"]
    assert db.command({"dropAllRolesFromDatabase": 1})["n"] == 1


def test_roles_as_those_of_a_user(db: Database) -> None:
    privilege = {"resource": {"db": db.name, "collection": "c"}, "actions": ["insert"]}
    restrictions = [{"clientSource": ["127.0.0.1"]}]
    db.command({"createRole": "below", "privileges": [privilege], "roles": ["read"], "authenticationRestrictions": restrictions})
    db.command({"createRole": "r", "privileges": [], "roles": ["below"]})
    for names in ("r", {"role": "r", "db": db.name}, ["r"], ["r", {"role": "dbAdmin", "db": "other"}, "none", "r"]):
        reply = db.command({"rolesInfo": names, "showPrivileges": "asUserFragment", "showAuthenticationRestrictions": True})
        fragment = reply["userFragment"]
        assert "roles" not in reply
        create(db, "like", roles=fragment["roles"])
        (user,) = users(db, "like", showPrivileges=True)
        fields = ("roles", "inheritedRoles", "inheritedPrivileges", "inheritedAuthenticationRestrictions")
        assert fragment == {field: user[field] for field in fields}
        assert fragment["inheritedAuthenticationRestrictions"] == [restrictions]
        db.command({"dropUser": "like"})
    reply = db.command({"rolesInfo": "none", "showPrivileges": "asUserFragment", "showBuiltinRoles": True})
    assert reply["userFragment"] == {"roles": [], "inheritedRoles": [], "inheritedPrivileges": []}


def test_actions_that_do_not_exist(db: Database) -> None:
    wrong = [privilege(db, "find", "finds", "write")]
    error = failure(db, {"createRole": "r", "privileges": wrong, "roles": []})
    assert (error["code"], error["errmsg"]) == (9, "Unrecognized action privilege strings: finds, write")
    db.command({"createRole": "r", "privileges": [], "roles": []})
    for command in ({"updateRole": "r", "privileges": wrong}, {"grantPrivilegesToRole": "r", "privileges": wrong}):
        assert code(db, command) == 9


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"createRole": "r", "privileges": [], "roles": []}, 51002),
        ({"createRole": "read", "privileges": [], "roles": []}, 2),
        ({"createRole": "", "privileges": [], "roles": []}, 2),
        ({"createRole": "x", "roles": []}, 40414),
        ({"createRole": "x", "privileges": [], "roles": ["y"]}, 31),
        ({"createRole": "x", "privileges": [{"resource": {"cluster": True}, "actions": ["ping"]}], "roles": []}, 55),
        ({"createRole": "x", "privileges": [{"resource": {"db": "d", "collection": ""}, "actions": ["find"]}], "roles": []}, 55),
        ({"createRole": "x", "privileges": [], "roles": [{"role": "root", "db": "admin"}]}, 55),
        ({"updateRole": "r", "roles": [{"role": "read", "db": "other"}]}, 55),
        ({"grantRolesToRole": "r", "roles": [{"role": "read", "db": "other"}]}, 55),
        ({"createRole": "x", "privileges": [{"resource": {"db": "d"}, "actions": ["find"]}], "roles": []}, 9),
        ({"updateRole": "r"}, 2),
        ({"updateRole": "x", "roles": []}, 31),
        ({"updateRole": "read", "roles": []}, 55),
        ({"dropRole": "x"}, 31),
        ({"dropRole": "read"}, 55),
        ({"grantRolesToRole": "r", "roles": ["r"]}, 5),
        ({"grantRolesToRole": "r", "roles": []}, 2),
        ({"grantPrivilegesToRole": "r", "privileges": []}, 2),
    ],
)
def test_roles_that_cannot_be(db: Database, command: dict[str, Any], expected: int) -> None:
    db.command({"createRole": "r", "privileges": [], "roles": []})
    assert code(db, command) == expected
