"""The rules of commands about users and roles. https://www.mongodb.com/docs/manual/reference/command/nav-user-management/"""

from __future__ import annotations

from functools import partial
from typing import Any

from pymongo.database import Database

from tests.failing import code
from tests.surface.rows import row

Db = Database[dict[str, Any]]
rules = partial(row, "Rules of commands")


def roles_of(db: Db, user: str) -> list[str]:
    """Return the names of the roles of a user."""
    [found] = db.command("usersInfo", user)["users"]
    return sorted(role["role"] for role in found["roles"])


@rules("createUser, updateUser, dropUser, dropAllUsersFromDatabase")
def users(db: Db) -> None:
    create = {"createUser": "u", "pwd": "p", "roles": ["read"], "customData": {"a": 1}}
    db.command(create)
    assert code(db, create) == 51003
    assert code(db, {"createUser": "v", "roles": []}) == 2
    assert code(db, {"createUser": "v", "pwd": "p", "roles": ["missing"]}) == 31
    assert code(db, {"createUser": "v", "pwd": "p", "roles": [], "mechanisms": ["OTHER"]}) == 2
    db.command("updateUser", "u", customData={"b": 2})
    assert db.command("usersInfo", "u")["users"][0]["customData"] == {"b": 2}
    assert code(db, {"updateUser": "u"}) == 2
    assert code(db, {"updateUser": "missing", "pwd": "p"}) == code(db, {"dropUser": "missing"}) == 11
    db.command("createUser", "v", pwd="p", roles=[])
    db.command("dropUser", "v")
    assert [db.command("dropAllUsersFromDatabase")["n"] for _ in range(2)] == [1, 0]


@rules("usersInfo")
def described_users(db: Db) -> None:
    for name in ("u", "v"):
        db.command("createUser", name, pwd="p", roles=["read"], customData={"name": name})
    both = [1, ["u", "v"], {"forAllDBs": True}]
    assert all({"u", "v"} <= {one["user"] for one in db.command("usersInfo", which)["users"]} for which in both)
    assert [one["user"] for one in db.command("usersInfo", 1, filter={"user": "v"})["users"]] == ["v"]
    [plain] = db.command("usersInfo", {"user": "u", "db": db.name}, showCustomData=False)["users"]
    assert set(plain) == {"_id", "userId", "user", "db", "roles", "mechanisms"}
    [full] = db.command("usersInfo", "u", showCredentials=True, showPrivileges=True, showAuthenticationRestrictions=True)["users"]
    assert set(full["credentials"]) == {"SCRAM-SHA-1", "SCRAM-SHA-256"}
    assert full["inheritedPrivileges"][0]["resource"] == {"db": db.name, "collection": ""}
    assert full["authenticationRestrictions"] == []


@rules("grantRolesToUser, revokeRolesFromUser")
def granted_roles(db: Db) -> None:
    db.command("createUser", "u", pwd="p", roles=["read"])
    db.command("grantRolesToUser", "u", roles=["dbAdmin"])
    assert roles_of(db, "u") == ["dbAdmin", "read"]
    db.command("revokeRolesFromUser", "u", roles=["read"])
    assert roles_of(db, "u") == ["dbAdmin"]
    assert code(db, {"grantRolesToUser": "missing", "roles": ["read"]}) == 11


@rules("createRole, updateRole, dropRole, dropAllRolesFromDatabase")
def roles(db: Db) -> None:
    create = {"createRole": "r", "privileges": [], "roles": []}
    db.command(create)
    assert code(db, create) == 51002
    wrong = {"resource": {"db": db.name, "collection": "c"}, "actions": ["other"]}
    assert code(db, {"createRole": "s", "privileges": [wrong], "roles": []}) == 9
    assert code(db, {"updateRole": "r"}) == 2
    assert code(db, {"updateRole": "missing", "privileges": []}) == code(db, {"dropRole": "missing"}) == 31
    assert db.command("dropAllRolesFromDatabase")["n"] == 1


@rules("grantPrivilegesToRole, revokePrivilegesFromRole, grantRolesToRole, revokeRolesFromRole, rolesInfo")
def described_roles(db: Db) -> None:
    def privilege(*actions: str) -> dict[str, Any]:
        return {"resource": {"db": db.name, "collection": "c"}, "actions": list(actions)}

    db.command("createRole", "r", privileges=[privilege("find")], roles=[])
    db.command("createRole", "s", privileges=[], roles=["r"])
    assert code(db, {"grantRolesToRole": "r", "roles": ["s"]}) == 5
    db.command("grantPrivilegesToRole", "r", privileges=[privilege("insert")])
    [found] = db.command("rolesInfo", "r", showPrivileges=True)["roles"]
    assert found["privileges"] == [privilege("find", "insert")]
    db.command("revokePrivilegesFromRole", "r", privileges=[privilege("find")])
    fragment = db.command("rolesInfo", "s", showPrivileges="asUserFragment")["userFragment"]
    assert fragment["inheritedPrivileges"] == [privilege("insert")]
    assert len(db.command("rolesInfo", 1, showBuiltinRoles=True)["roles"]) > 2
    db.command("revokeRolesFromRole", "s", roles=["r"])
    assert db.command("rolesInfo", "s")["roles"][0]["inheritedRoles"] == []
