"""Snapshots include the settings that commands change outside the store: parameters, the profiler, query settings, index filters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.dispatch.adjustments import Adjustments
from secantus_server.server import SecantusDBServer
from secantus_server.work.query_setting_rows import load_settings

FIND = {"find": "c", "filter": {"a": 1}, "$db": "adjusted"}
OTHER = {"find": "c", "filter": {"b": 1}, "$db": "adjusted"}
STREAMS = {"changeStreamOptions": {"preAndPostImages": {"expireAfterSeconds": 100}}}

#: For each adjustment: a command that makes it, a command that shows it, and another command of its kind that does not change it.
ADJUSTMENTS: dict[str, tuple[tuple[str, dict[str, Any]], tuple[str, dict[str, Any]], tuple[str, dict[str, Any]]]] = {
    "parameter": (
        ("admin", {"setParameter": 1, "cursorTimeoutMillis": 5}),
        ("admin", {"getParameter": 1, "cursorTimeoutMillis": 1}),
        ("admin", {"setParameter": 1, "ttlMonitorSleepSecs": 7}),
    ),
    "cluster parameter": (
        ("admin", {"setClusterParameter": STREAMS}),
        ("admin", {"getClusterParameter": "changeStreamOptions"}),
        ("admin", {"setParameter": 1, "ttlMonitorSleepSecs": 7}),
    ),
    "default concern": (
        ("admin", {"setDefaultRWConcern": 1, "defaultWriteConcern": {"w": 1, "wtimeout": 5}}),
        ("admin", {"getDefaultRWConcern": 1}),
        ("admin", {"setParameter": 1, "ttlMonitorSleepSecs": 7}),
    ),
    "profiler level": (("adjusted", {"profile": 2}), ("adjusted", {"profile": -1}), ("another", {"profile": 1})),
    "profiler limit": (("adjusted", {"profile": 0, "slowms": 7}), ("adjusted", {"profile": -1}), ("another", {"profile": 1})),
    "profiler filter": (
        ("adjusted", {"profile": 0, "filter": {"op": "query"}}),
        ("adjusted", {"profile": -1}),
        ("another", {"profile": 1}),
    ),
    "query settings": (
        ("admin", {"setQuerySettings": FIND, "settings": {"reject": True}}),
        ("admin", {"aggregate": 1, "cursor": {}, "pipeline": [{"$querySettings": {}}, {"$match": {"representativeQuery.filter.a": 1}}]}),
        ("admin", {"setQuerySettings": OTHER, "settings": {"reject": True}}),
    ),
    "index filter": (
        ("adjusted", {"planCacheSetFilter": "c", "query": {"a": 1}, "indexes": [{"a": 1}]}),
        ("adjusted", {"planCacheListFilters": "c"}),
        ("adjusted", {"planCacheSetFilter": "other", "query": {"b": 1}, "indexes": [{"b": 1}]}),
    ),
}


@pytest.fixture(scope="module")
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server:
        yield server


@pytest.fixture
def db(server: SecantusDBServer) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](server.uri) as client, server.checkpoint():
        client.adjusted.c.insert_one({"a": 1})
        client.adjusted.other.insert_one({"a": 1})
        yield client.adjusted


def run(db: Database[dict[str, Any]], sent: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the reply to a command, without times."""
    reply = db.client[sent[0]].command(sent[1])
    return {name: value for name, value in reply.items() if name not in ("operationTime", "$clusterTime", "localUpdateWallClockTime")}


@pytest.mark.parametrize("kind", ADJUSTMENTS)
def test_a_restore(server: SecantusDBServer, db: Database[dict[str, Any]], kind: str) -> None:
    adjust, show, _ = ADJUSTMENTS[kind]
    before = run(db, show)
    snapshot = server.snapshot()
    assert not server.written_since(snapshot)
    run(db, adjust)
    assert run(db, show) != before
    assert server.written_since(snapshot), "or a fixture that does nothing else would never be undone"
    server.restore(snapshot)
    assert run(db, show) == before


@pytest.mark.parametrize("kind", ADJUSTMENTS)
def test_an_adjustment_that_is_set_aside(server: SecantusDBServer, db: Database[dict[str, Any]], kind: str) -> None:
    adjust, show, other = ADJUSTMENTS[kind]
    before, initial = run(db, show), Adjustments.of(server.services)
    snapshot = server.snapshot()
    run(db, adjust)
    after = run(db, show)
    aside = server.set_aside(snapshot)
    assert run(db, show) == before
    run(db, other)
    server.put_back(aside)
    assert run(db, show) == after
    server.restore(snapshot)
    assert run(db, show) == before
    assert not initial.are_those_of(server.services), "the other adjustment, made meanwhile, stays"


def test_query_settings_that_are_set_aside_are_stored_with_those_made_meanwhile(
    server: SecantusDBServer, db: Database[dict[str, Any]]
) -> None:
    adjust, _, other = ADJUSTMENTS["query settings"]
    snapshot = server.snapshot()
    run(db, adjust)
    aside = server.set_aside(snapshot)
    run(db, other)
    server.put_back(aside)
    assert load_settings(server.services) == server.services.query_settings
    assert len(server.services.query_settings) == 2


@pytest.mark.parametrize("kind", ADJUSTMENTS)
def test_an_adjustment_that_is_undone_and_set_aside(server: SecantusDBServer, db: Database[dict[str, Any]], kind: str) -> None:
    """An adjustment made between two snapshots is undone by a restore of the outer one, not of the inner one."""
    adjust, show, _ = ADJUSTMENTS[kind]
    before = run(db, show)
    outer = server.snapshot()
    run(db, adjust)
    after = run(db, show)
    inner = server.snapshot()
    db.c.insert_one({})
    server.put_back(server.set_aside(outer))
    server.restore(inner)
    assert run(db, show) == after
    server.restore(outer)
    assert run(db, show) == before


def test_a_locked_server(server: SecantusDBServer, db: Database[dict[str, Any]]) -> None:
    snapshot = server.snapshot()
    db.client.admin.command({"fsync": 1, "lock": True})
    assert server.written_since(snapshot), "or the next test would wait for the lock"
    server.restore(snapshot)
    assert db.c.insert_one({}).acknowledged


def test_a_setting_changes_between_equal_values_of_other_types(server: SecantusDBServer) -> None:
    before = Adjustments.of(server.services)
    one, true = (before._replace(parameters={**before.parameters, "x": value}) for value in (1, True))
    changed = before.changed(before.changes_to(one)).parameters["x"]
    assert changed == 1
    assert type(changed) is int
    assert type(one.changed(one.changes_to(true)).parameters["x"]) is bool
