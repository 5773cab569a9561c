"""The server of a deployment to which a client or a fail point refers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.errors import AutoReconnect
from secantus_conformance.environment import Environment
from secantus_conformance.failures import AssertionFailed, SkipTest
from secantus_conformance.unified import clients, failpoints
from secantus_conformance.unified.failpoints import FailPoints
from secantus_conformance.unified.ops import testrunner

REPLICA_SET = Environment("mongodb://u:p@a:1,b:2/?replicaSet=rs&tls=true", "mongodb://a:1", (8, 2, 0), "replicaset", True)
SHARDED = Environment("mongodb://a:1,b:2", "mongodb://a:1", (8, 2, 0), "sharded", False)


class Client:
    """A client that appends its commands to a list shared by all clients of a test."""

    def __init__(self, name: str, primary: tuple[str, int] | None, log: list[tuple[str, Any]]) -> None:
        self.name, self.primary, self.log = name, primary, log
        self.admin = SimpleNamespace(command=self.command)

    def command(self, command: dict[str, Any], session: Any = None) -> None:
        """Record a command; one named `broken` fails."""
        self.log.append((self.name, command.get("mode")))
        if command["configureFailPoint"] == "broken":
            raise AutoReconnect("gone")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.log.append((self.name, "closed"))


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []

    class Direct(Client):
        def __init__(self, uri: str, **_: Any) -> None:
            super().__init__(uri, None, found)

        def __class_getitem__(cls, _: Any) -> type[Direct]:
            return cls

    monkeypatch.setattr(failpoints, "MongoClient", Direct)
    return found


def fail_points(environment: Environment, primary: tuple[str, int] | None, log: list[tuple[str, Any]]) -> FailPoints:
    internal: Any = Client("internal", primary, log)
    return FailPoints(environment, internal)


def point(name: str = "failCommand") -> dict[str, Any]:
    return {"configureFailPoint": name, "mode": "alwaysOn"}


def client(primary: tuple[str, int] | None, log: list[tuple[str, Any]]) -> Any:
    return Client("client", primary, log)


def test_a_fail_point_is_switched_off_where_it_was_set(log: list[tuple[str, Any]]) -> None:
    points = fail_points(REPLICA_SET, ("b", 2), log)
    points.set(client(("a", 1), log), point())
    points.set(client(("b", 2), log), point())
    assert points.disable_all() == []
    direct = "mongodb://u:p@a:1/?tls=true"
    assert log == [("client", "alwaysOn"), ("client", "alwaysOn"), (direct, "off"), (direct, "closed"), ("internal", "off")]


def test_a_fail_point_that_could_not_be_set_is_switched_off_too(log: list[tuple[str, Any]]) -> None:
    points = fail_points(SHARDED, None, log)
    with pytest.raises(AutoReconnect):
        points.set(client(None, log), point("broken"))
    assert points.disable_all() == ["The fail point broken could not be disabled: gone"]
    assert log == [("client", "alwaysOn"), ("internal", "off")]


def test_a_targeted_fail_point_goes_to_the_mongos_of_its_session(log: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    points = fail_points(SHARDED, None, log)
    test: Any = SimpleNamespace(entities=SimpleNamespace(session=lambda name: name), fail_points=points)
    monkeypatch.setattr(testrunner, "pinned_address", {"pinned": ("b", 2), "free": None}.get)
    testrunner.targeted_fail_point(test, None, {"session": "pinned", "failPoint": point()})
    assert points.disable_all() == []
    assert log == [("mongodb://b:2/", step) for step in ("alwaysOn", "closed", "off", "closed")]
    with pytest.raises(AssertionFailed, match="not pinned"):
        testrunner.targeted_fail_point(test, None, {"session": "free", "failPoint": point()})


@pytest.mark.parametrize(
    ("environment", "spec", "uri"),
    [
        (REPLICA_SET, {}, REPLICA_SET.uri),
        (REPLICA_SET, {"useMultipleMongoses": False}, REPLICA_SET.uri),
        (REPLICA_SET, {"uriOptions": {"directConnection": True}}, "mongodb://u:p@a:1/?tls=true"),
        (SHARDED, {}, SHARDED.uri),
        (SHARDED, {"useMultipleMongoses": True}, SHARDED.uri),
        (SHARDED, {"useMultipleMongoses": False}, "mongodb://a:1/"),
    ],
)
def test_the_uri_of_a_client(environment: Environment, spec: dict[str, Any], uri: str) -> None:
    assert clients._uri(environment, spec) == uri


def test_several_mongos_are_wanted_and_the_uri_has_one() -> None:
    with pytest.raises(SkipTest, match="several mongos"):
        clients._uri(replace(SHARDED, uri="mongodb://a:1"), {"useMultipleMongoses": True})


def test_an_address_of_ipv6() -> None:
    assert REPLICA_SET.uri_of(("::1", 27017)) == "mongodb://u:p@[::1]:27017/?tls=true"
