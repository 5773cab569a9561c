"""The requirements that decide whether a test applies to a server."""

from __future__ import annotations

from typing import Any

import pytest
from secantus_conformance.environment import Environment
from secantus_conformance.requirements import unmet

HERE = Environment("mongodb://h", "mongodb://h", (8, 2, 1), "replicaset", False, {"enableTestCommands": True, "n": 1})


@pytest.mark.parametrize(
    "requirement",
    [
        {},
        {"minServerVersion": "8.2.1"},
        {"minServerVersion": "8.2"},
        {"minServerVersion": "4.0.99"},
        {"maxServerVersion": "8.2.1"},
        {"maxServerVersion": "8.2"},
        {"maxServerVersion": "8.2.99"},
        {"maxServerVersion": "9.0"},
        {"topologies": ["single", "replicaset"]},
        {"serverless": "forbid"},
        {"serverless": "allow"},
        {"auth": False},
        {"csfle": False},
        {"serverParameters": {"enableTestCommands": True, "n": 1}},
    ],
)
def test_met(requirement: dict[str, Any]) -> None:
    assert unmet([requirement], HERE) is None


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        ({"minServerVersion": "8.2.2"}, "8.2.2 or newer"),
        ({"minServerVersion": "10.0"}, "10.0 or newer"),
        ({"maxServerVersion": "8.2.0"}, "8.2.0 or older"),
        ({"maxServerVersion": "8.1"}, "8.1 or older"),
        ({"maxServerVersion": "4.4.99"}, "4.4.99 or older"),
        ({"topologies": ["sharded"]}, "topology sharded"),
        ({"topologies": ["single"]}, "topology single"),
        ({"serverless": "require"}, "serverless"),
        ({"auth": True}, "authentication"),
        ({"authMechanism": "MONGODB-OIDC"}, "MONGODB-OIDC"),
        ({"csfle": True}, "encryption"),
        ({"csfle": {"minLibmongocryptVersion": "1.15.0"}}, "encryption"),
        ({"serverParameters": {"enableTestCommands": False}}, "enableTestCommands"),
        ({"serverParameters": {"missing": None}}, "missing"),
    ],
)
def test_unmet(requirement: dict[str, Any], words: str) -> None:
    assert words in (unmet([requirement], HERE) or "")


def test_one_of_several_is_enough() -> None:
    assert unmet([{"auth": True}, {"topologies": ["replicaset"]}], HERE) is None


def test_all_reasons_are_named() -> None:
    assert unmet([{"auth": True}, {"topologies": ["sharded"]}], HERE) == "needs authentication; needs the topology sharded"
