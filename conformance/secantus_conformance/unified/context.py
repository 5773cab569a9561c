"""The state of a running test: its entities, listeners and fail points, and the internal client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pymongo import MongoClient

from secantus_conformance.environment import Environment
from secantus_conformance.unified.entities import EntityMap
from secantus_conformance.unified.events import Listener
from secantus_conformance.unified.failpoints import FailPoints
from secantus_conformance.unified.matching import Matcher


@dataclass
class TestContext:
    """The state of one running test.

    `internal` is the client that sets up the data and checks the outcome. The test itself cannot use it.
    """

    __test__ = False

    environment: Environment
    internal: MongoClient[Any]
    run_operation: Callable[[TestContext, dict[str, Any]], Any]
    entities: EntityMap = field(default_factory=EntityMap)
    listeners: dict[str, Listener] = field(default_factory=dict)
    observed_logs: dict[str, dict[str, str]] = field(default_factory=dict)
    matcher: Matcher = field(init=False)
    fail_points: FailPoints = field(init=False)
    transactions: bool = False

    def __post_init__(self) -> None:
        self.matcher = Matcher(self.entities)
        self.fail_points = FailPoints(self.environment, self.internal)

    def listener(self, client: Any) -> Listener:
        """Return the listener of a client entity. Raise BadTest if the client does not exist."""
        self.entities.client(client)
        return self.listeners[client]
