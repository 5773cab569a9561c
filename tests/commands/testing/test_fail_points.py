"""configureFailPoint and waitForFailPoint: arguments, modes, and a server without test commands."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.cli import load_settings
from secantus_server.server import SecantusDBServer
from tests.failing import code, failure

NAME = "failCommand"
PING: dict[str, Any] = {"failCommands": ["ping"], "errorCode": 8000}


def configure(admin: Database, mode: Any, data: Any = PING, name: str = NAME) -> int:
    count: int = admin.command({"configureFailPoint": name, "mode": mode, "data": data})["count"]
    return count


@pytest.fixture(autouse=True)
def _off(admin: Database) -> Iterator[None]:
    yield
    configure(admin, "off")


def pings(admin: Database, count: int) -> list[bool]:
    """Return for each ping whether it failed."""
    return [not admin.command("ping", check=False)["ok"] for _ in range(count)]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("alwaysOn", [True, True, True, True]),
        ("off", [False, False, False, False]),
        ({"times": 2}, [True, True, False, False]),
        ({"times": 0}, [False, False, False, False]),
        ({"times": 1.0}, [True, False, False, False]),
        ({"skip": 3}, [False, False, False, True]),
        ({"activationProbability": 1.0}, [True, True, True, True]),
        ({"activationProbability": 0.0}, [False, False, False, False]),
    ],
)
def test_modes(admin: Database, mode: Any, expected: list[bool]) -> None:
    configure(admin, mode)
    assert pings(admin, 4) == expected


@pytest.mark.parametrize("data", [None, {}, {"errorCode": 1}, {"failCommands": [], "errorCode": 1}])
def test_without_names_it_concerns_no_command(admin: Database, data: Any) -> None:
    configure(admin, "alwaysOn", data)
    assert pings(admin, 1) == [False]


def test_a_probability_between(admin: Database) -> None:
    configure(admin, {"activationProbability": 0.5})
    failed = sum(pings(admin, 200))
    assert 20 < failed < 180


def test_only_what_it_concerns_counts(admin: Database) -> None:
    before = configure(admin, {"skip": 1})
    admin.command("buildInfo")
    admin.command("hello")
    assert pings(admin, 3) == [False, True, True]
    assert configure(admin, "off") == before + 2


def test_setting_it_again_replaces_it(admin: Database) -> None:
    configure(admin, {"times": 2})
    assert pings(admin, 1) == [True]
    configure(admin, {"times": 1}, {"failCommands": ["buildInfo"], "errorCode": 1})
    assert pings(admin, 1) == [False]
    assert code(admin, {"buildInfo": 1}) == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, 20),
        ({"mode": None}, 20),
        ({"mode": "on"}, 2),
        ({"mode": 1}, 14),
        ({"mode": {}}, 2),
        ({"mode": {"often": 1}}, 2),
        ({"mode": {"times": -1}}, 2),
        ({"mode": {"times": 2**31}}, 2),
        ({"mode": {"times": "2"}}, 14),
        ({"mode": {"skip": -1}}, 2),
        ({"mode": {"skip": 2**40}}, 2),
        ({"mode": {"activationProbability": 1}}, 14),
        ({"mode": {"activationProbability": 1.5}}, 2),
        ({"mode": "alwaysOn", "data": 3}, 14),
        ({"mode": "alwaysOn", "data": []}, 14),
        # failCommand's data
        ({"mode": "alwaysOn", "data": {"failCommands": "ping"}}, 14),
        ({"mode": "alwaysOn", "data": {"failCommands": [1]}}, 14),
        ({"mode": "alwaysOn", "data": {**PING, "errorCode": "x"}}, 14),
        ({"mode": "alwaysOn", "data": {**PING, "errorCode": -1}}, 2),
        ({"mode": "alwaysOn", "data": {**PING, "errorLabels": "x"}}, 14),
        ({"mode": "alwaysOn", "data": {**PING, "closeConnection": 1}}, 14),
        ({"mode": "alwaysOn", "data": {**PING, "blockConnection": True}}, 72),
        ({"mode": "alwaysOn", "data": {**PING, "blockConnection": True, "blockTimeMS": -5}}, 2),
        ({"mode": "alwaysOn", "data": {**PING, "writeConcernError": 91}}, 14),
        ({"mode": "alwaysOn", "data": {**PING, "appName": 1}}, 14),
        ({"mode": "alwaysOn", "data": {**PING, "failLoudly": True}}, 238),
    ],
)
def test_invalid_arguments(admin: Database, arguments: dict[str, Any], expected: int) -> None:
    assert code(admin, {"configureFailPoint": NAME, **arguments}) == expected
    assert pings(admin, 1) == [False]


def test_a_field_that_mongodb_certainly_ignores(admin: Database) -> None:
    configure(admin, {"times": 1}, {**PING, "errorCode": 2, "await closeConnection": True})
    assert pings(admin, 2) == [True, False]


def test_a_name_and_a_text_have_no_effect(admin: Database) -> None:
    configure(admin, {"times": 1}, {**PING, "errorCode": 251, "codeName": "BadValue", "errmsg": "as I say"})
    error = failure(admin, {"ping": 1})
    assert (error["code"], error["codeName"], error["errmsg"]) == (251, "NoSuchTransaction", "Failing command via 'failCommand' failpoint")


def test_names(admin: Database, db: Database) -> None:
    error = failure(admin, {"configureFailPoint": "noSuchPoint", "mode": "alwaysOn"})
    assert (error["code"], error["codeName"]) == (266, "FailPointSetFailed")
    assert code(admin, {"configureFailPoint": "noSuchPoint", "mode": "off"}) == 266
    assert code(admin, {"waitForFailPoint": "noSuchPoint", "timesEntered": 1, "maxTimeMS": 1000}) == 266
    assert code(admin, {"configureFailPoint": 1, "mode": "off"}) == 14
    assert code(db, {"configureFailPoint": NAME, "mode": "off"}) == 13


def test_waiting_for_a_fail_point(admin: Database) -> None:
    count = configure(admin, "alwaysOn")
    assert code(admin, {"waitForFailPoint": NAME, "timesEntered": count + 1, "maxTimeMS": 1}) == 50
    waiting = Thread(target=admin.command, args=({"waitForFailPoint": NAME, "timesEntered": count + 2, "maxTimeMS": 10_000},))
    waiting.start()
    assert pings(admin, 2) == [True, True]
    waiting.join()
    admin.command({"waitForFailPoint": NAME, "timesEntered": count + 1, "maxTimeMS": 10_000})


def test_a_server_without_test_commands() -> None:
    with (
        SecantusDBServer(port=0, storage_path=":memory:", log_level="error", enable_test_commands=False) as server,
        MongoClient(server.uri) as client,
    ):
        for name in ("configureFailPoint", "waitForFailPoint"):
            error = failure(client.admin, {name: NAME, "mode": "off"} if name[0] == "c" else {name: NAME, "timesEntered": 1})
            assert (error["code"], error["errmsg"]) == (59, f"no such command: '{name}'")
        assert client.admin.command("getParameter", enableTestCommands=1)["enableTestCommands"] is False


def test_they_are_enabled_in_the_process_and_by_a_flag_for_the_daemon(admin: Database) -> None:
    assert admin.command("getParameter", enableTestCommands=1)["enableTestCommands"] is True
    assert not load_settings([]).enable_test_commands
    assert load_settings(["--enable-test-commands"]).enable_test_commands


def test_they_cost_nothing_while_none_is_set(server: SecantusDBServer, admin: Database) -> None:
    assert not server.services.interceptors.before
    configure(admin, {"times": 1})
    assert server.services.interceptors.before
    assert pings(admin, 1) == [True]
    assert not server.services.interceptors.before
    assert not server.services.fail_points.active
