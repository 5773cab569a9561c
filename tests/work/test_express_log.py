"""The command log of the express lane against that of the general path."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.interceptors import command_log
from secantus_server.interceptors.command_log import CommandLog
from tests.work.test_express import EXPRESS, Side, create, drop, find, insert, message, sides
from tests.work.test_express_transactions import OTHER, Numbered

__all__ = ["sides"]


def logs_of(sides: tuple[Side, Side], raws: list[bytes], failing: int | None = None) -> list[list[Any]]:
    """Return what the log of each server says of the commands, without times and ids. `failing` is the position of one that fails."""
    logs = [CommandLog("own"), CommandLog("own")]
    for side, log in zip(sides, logs, strict=True):
        side.services.interceptors.install(log)
    for number, raw in enumerate(raws):
        for side in sides:
            side.run(raw)
        assert sides[0].answered is (number != failing), raw
    return [[{**record.values(), "duration_ms": record.duration_ms > 0} for record in log.records()] for log in logs]


def test_both_paths_log_the_same(sides: tuple[Side, Side]) -> None:
    long = insert({"_id": "long", "sku": "l", "text": "x" * 20_000})
    many = message({"insert": "c"}, {"documents": [{"_id": f"m{number}", "sku": f"m{number}"} for number in range(12)]})
    own, other = logs_of(sides, [*EXPRESS, long, many, find({}), find({"_id": "long"}), create("new"), drop("new"), drop("c")])
    assert own == other


def test_both_paths_log_the_same_in_transactions(sides: tuple[Side, Side]) -> None:
    one = Numbered()
    own, other = logs_of(
        sides, [one.insert({"_id": "t", "sku": "t"}), one.find({"_id": "t"}), one.modify({"_id": 3}, {"$inc": {"n": 1}}), one.end()]
    )
    assert own == other
    assert [record["name"] for record in own] == ["insert", "find", "findAndModify", "commitTransaction"]


def test_both_paths_log_the_plan_of_a_write_conflict(sides: tuple[Side, Side]) -> None:
    one, other = Numbered(), Numbered(OTHER)
    own, general = logs_of(
        sides,
        [one.update({"_id": 1}, {"$set": {"n": "one"}}), other.find({"_id": 2}), other.update({"_id": 1}, {"$set": {"n": "other"}})],
        failing=2,
    )
    assert own == general
    assert (own[2]["error"], own[2]["plan_summary"], own[2]["docs_examined"]) == ("WriteConflict", "EXPRESS_IXSCAN { _id: 1 }", 1)


def test_the_log_is_limited_in_bytes(sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_log, "MOST_BYTES", 500)
    for side in sides:
        log = CommandLog()
        side.services.interceptors.install(log)
        for number in range(3):
            side.run(insert({"_id": f"long {number}", "sku": f"long {number}", "text": "x" * 150}))
        assert (len(log.records()), log.left_out, log.targets()) == (1, 2, [("shop", "c")])
        log.clear()
        side.run(find({"_id": 1}))
        assert (len(log.records()), log.left_out) == (1, 0)


def test_the_harness_is_not_logged(sides: tuple[Side, Side]) -> None:
    lane, log = sides[0], CommandLog("own")
    lane.client.metadata = {"application": {"name": "own"}}
    lane.services.interceptors.install(log)
    lane.run(find({"_id": 1}))
    assert lane.answered
    assert log.records() == []
