"""Privileges: which resources include which."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.auth.actions import ACTIONS
from secantus_server.auth.builtin_roles import builtin_privileges, builtin_roles, is_builtin, merged_privileges
from secantus_server.auth.privileges import Grants
from secantus_server.commands.all import load_commands
from secantus_server.dispatch.registry import all_commands


def grants(*resources: dict[str, Any], actions: tuple[str, ...] = ("find",)) -> Grants:
    return Grants([{"resource": resource, "actions": list(actions)} for resource in resources])


def on(db: str, collection: str) -> dict[str, Any]:
    return {"db": db, "collection": collection}


@pytest.mark.parametrize(
    ("resource", "covered", "not_covered"),
    [
        (on("d", "c"), [("d", "c")], [("d", "cc"), ("e", "c"), ("d", ""), ("", ""), ("d", "system.c")]),
        (on("d", ""), [("d", "c"), ("d", "")], [("e", "c"), ("e", ""), ("", ""), ("d", "system.users")]),
        (on("", "c"), [("d", "c"), ("config", "c")], [("d", "x"), ("d", "")]),
        (on("", ""), [("d", "c"), ("d", ""), ("", "")],
         [("config", "c"), ("local", "c"), ("config", ""), ("d", "system.js"), ("admin", "system.users")]),
        (on("local", ""), [("local", "oplog.rs")], [("local", "replset.election"), ("local", "system.replset"), ("d", "c")]),
        (on("d", "system.users"), [("d", "system.users")], [("d", "c"), ("e", "system.users")]),
        (on("", "system.js"), [("d", "system.js")], [("d", "c")]),
        ({"anyResource": True}, [("d", "c"), ("d", "system.users"), ("local", "x"), ("", "")], []),
        ({"cluster": True}, [], [("d", "c"), ("", "")]),
        ({"system_buckets": ""}, [("d", "system.buckets.c")], [("d", "c")]),
        ({"db": "d", "system_buckets": "c"}, [("d", "system.buckets.c")], [("e", "system.buckets.c"), ("d", "system.buckets.x")]),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_resource_covers(resource: dict[str, Any], covered: list[Any], not_covered: list[Any]) -> None:
    found = grants(resource)
    assert [place for place in covered if "find" not in found.on(*place)] == []
    assert [place for place in not_covered if "find" in found.on(*place)] == []
    assert ("find" in found.on_cluster()) == (resource.keys() <= {"cluster", "anyResource"})


def test_any_action() -> None:
    found = grants(on("d", "c"), actions=("anyAction",))
    assert "whatever" in found.on("d", "c")
    assert "whatever" not in found.on("d", "x")


def test_actions_of_several_resources_add_up() -> None:
    found = Grants([{"resource": on("d", ""), "actions": ["find"]}, {"resource": on("d", "c"), "actions": ["insert"]}])
    assert found.on("d", "c") == {"find", "insert"}
    assert found.on("d", "x") == {"find"}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (on("d", "c"), ["d"]),
        (on("d", ""), ["d"]),
        (on("", "c"), ["config", "d", "e"]),
        (on("", ""), ["d", "e"]),
        ({"anyResource": True}, ["config", "d", "e"]),
        ({"cluster": True}, []),
    ],
    ids=str,
)
def test_databases_that_a_user_may_know_of(resource: dict[str, Any], expected: list[str]) -> None:
    assert [db for db in ("config", "d", "e") if grants(resource).is_on_database(db)] == expected


def test_many_resources_are_not_remembered_for_ever() -> None:
    found = grants(on("d", ""))
    for number in range(5000):
        assert "find" in found.on("d", f"c{number}")
    assert len(found._found) <= 1000


def test_privileges_are_shown_by_resource() -> None:
    privileges = [{"resource": on("d", "c"), "actions": ["a"]}, {"resource": {"cluster": True}, "actions": ["b"]}]
    assert Grants(privileges).privileges() == privileges
    assert merged_privileges([*privileges, {"resource": on("d", "c"), "actions": ["b"]}])[0] == {
        "resource": on("d", "c"),
        "actions": ["a", "b"],
    }


def test_built_in_roles() -> None:
    assert builtin_roles("d") == ["dbAdmin", "dbOwner", "enableSharding", "read", "readWrite", "userAdmin"]
    for db in ("d", "admin"):
        for role in builtin_roles(db):
            assert is_builtin(role, db)
            resources = [str(privilege["resource"]) for privilege in builtin_privileges(role, db)]
            assert len(resources) == len(set(resources)) > 0
    assert not is_builtin("root", "d")


def test_the_read_write_role_is_the_documented_one() -> None:
    # https://www.mongodb.com/docs/manual/reference/built-in-roles/ shows this reply of rolesInfo.
    actions = """
        changeStream cleanupStructuredEncryptionData collStats compactStructuredEncryptionData convertToCapped createCollection createIndex
        createSearchIndexes dbHash dbStats dropCollection dropIndex dropSearchIndex find insert killCursors listCollections listIndexes
        listSearchIndexes performRawDataOperations planCacheRead remove renameCollectionSameDB update updateSearchIndex
    """.split()
    assert builtin_privileges("readWrite", "test") == [{"resource": on("test", name), "actions": actions} for name in ("", "system.js")]


def test_every_action_of_a_role_or_a_command_is_known() -> None:
    load_commands()
    granted = {
        action for db in ("d", "admin") for role in builtin_roles(db) for one in builtin_privileges(role, db) for action in one["actions"]
    }
    commands = [command.privileges for command in all_commands().values()]
    required = {action for privileges in commands for action in (*privileges.actions, *privileges.by_arguments)}
    assert granted | required <= ACTIONS


def test_few_arguments_are_remembered() -> None:
    found = grants(on("d", ""))
    for number in range(5000):
        found.remember((number,))
        assert (number,) in found.allowed
    assert len(found.allowed) <= 100
