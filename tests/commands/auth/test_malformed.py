"""Authorization of commands whose arguments have any type. Each command is refused, or its parser answers it, and none breaks the check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bson.binary import Binary

from secantus_server.dispatch.registry import all_commands
from secantus_server.server import SecantusDBServer
from tests.commands.auth.scram_client import log_in_raw
from tests.commands.auth.with_access import PASSWORD
from tests.net.raw_client import RawClient, connected

VALUES: list[Any] = [
    None, True, 0, 1, -1, 1.5, "", "c", "a\0b", "system.users", [], [[]], ["c", ["d"]], [None], [{}], [{"user": ["c"], "db": ["d"]}],
    {}, {"a": 1}, {"user": [], "db": {}}, {"role": "r", "db": 1}, {"db": "admin", "coll": ["x"]}, {"forAllDBs": []}, Binary(b"x"),
    [{"$merge": {"into": [], "whenMatched": {}}}], [{"$out": {"db": []}}], [{"ns": ["a.b"]}], [{"resource": [], "actions": {}}],
    [{"$lookup": {"from": [1]}}],
]  # fmt: skip
FIELDS = (
    "roles", "privileges", "authenticationRestrictions", "pipeline", "updates", "ops", "nsInfo", "viewOn", "to", "pwd", "customData",
    "allUsers", "collection", "root", "remove", "upsert", "bypassDocumentValidation", "cursors", "db", "nameOnly", "authorizedDatabases",
)  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", require_auth=True) as running, connected(running) as client:
        client.run({"createUser": "root", "pwd": PASSWORD, "roles": ["root"], "$db": "admin"})
        log_in_raw(client, "root", PASSWORD)
        client.run({"setParameter": 1, "scramIterationCount": 5000, "$db": "admin"})
        for name, roles in (("nobody", []), ("manager", [{"role": "userAdmin", "db": "shop"}])):
            options = {"pwd": PASSWORD, "mechanisms": ["SCRAM-SHA-1"], "roles": roles}
            client.run({"createUser": name, **options, "$db": "own"})
        yield running


def broken(client: RawClient, name: str, db: str) -> Iterator[str]:
    """Yield the commands that fail with internal errors."""
    for value in VALUES:
        reply = client.run({name: value, "$db": db})
        if reply.get("code") == 1:
            yield f"{name}: {value!r}: {reply['errmsg']}"
        for field in FIELDS if all_commands()[name].privileges.check is not None else ():
            reply = client.run({name: "c", field: value, "$db": db})
            if reply.get("code") == 1:
                yield f"{name}, {field}: {value!r}: {reply['errmsg']}"


@pytest.mark.parametrize("user", ["nobody", "manager"])
def test_no_type_breaks_authorization(server: SecantusDBServer, user: str) -> None:
    # A conversation that fails delays the next one.
    names = [name for name in all_commands() if name not in ("saslStart", "saslContinue", "authenticate", "logout")]
    with connected(server) as client:
        log_in_raw(client, user, PASSWORD, "own")
        commands = [(name, "admin" if all_commands()[name].admin_only else "shop") for name in names]
        assert [problem for name, db in commands for problem in broken(client, name, db)] == []


@pytest.mark.parametrize("command", ["usersInfo", "rolesInfo"])
def test_names_of_users_that_are_not_text(server: SecantusDBServer, command: str) -> None:
    with connected(server) as client:
        log_in_raw(client, "nobody", PASSWORD, "own")
        for value in ([["root"]], [{command[:4]: ["root"], "db": "admin"}], {"user": {}, "db": {}}, [1]):
            assert client.run({command: value, "$db": "admin"})["code"] in (2, 13)
