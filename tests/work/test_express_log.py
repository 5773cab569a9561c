"""The command log of the express lane against that of the general path."""

from __future__ import annotations

from typing import Any

from secantus_server.interceptors.command_log import CommandLog
from tests.work.test_express import EXPRESS, Side, find, insert, message, sides
from tests.work.test_express_transactions import Numbered

__all__ = ["sides"]


def logs_of(sides: tuple[Side, Side], raws: list[bytes]) -> list[list[Any]]:
    """Return what the log of each server says of the commands, without times and ids."""
    logs = [CommandLog("own"), CommandLog("own")]
    for side, log in zip(sides, logs, strict=True):
        side.services.interceptors.install(log)
    for raw in raws:
        for side in sides:
            side.run(raw)
        assert sides[0].answered, raw
    return [[{**record.__getstate__(), "duration_ms": record.duration_ms > 0} for record in log.records()] for log in logs]


def test_both_paths_log_the_same(sides: tuple[Side, Side]) -> None:
    long = insert({"_id": "long", "sku": "l", "text": "x" * 20_000})
    many = message({"insert": "c"}, {"documents": [{"_id": f"m{number}", "sku": f"m{number}"} for number in range(12)]})
    own, other = logs_of(sides, [*EXPRESS, long, many, find({}), find({"_id": "long"})])
    assert own == other


def test_both_paths_log_the_same_in_transactions(sides: tuple[Side, Side]) -> None:
    one = Numbered()
    own, other = logs_of(
        sides, [one.insert({"_id": "t", "sku": "t"}), one.find({"_id": "t"}), one.modify({"_id": 3}, {"$inc": {"n": 1}}), one.end()]
    )
    assert own == other
    assert [record["name"] for record in own] == ["insert", "find", "findAndModify", "commitTransaction"]


def test_the_harness_is_not_logged(sides: tuple[Side, Side]) -> None:
    lane, log = sides[0], CommandLog("own")
    lane.client.metadata = {"application": {"name": "own"}}
    lane.services.interceptors.install(log)
    lane.run(find({"_id": 1}))
    assert lane.answered
    assert log.records() == []
