"""The part of a report's data that has not been processed yet."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Literal

import pytest
from pymongo import MongoClient

from pytest_secantus import report_backlog
from pytest_secantus.attribution import Span
from pytest_secantus.report_backlog import Backlog
from pytest_secantus.sources import Sources
from secantus_server.server import SecantusDBServer
from secantus_server.work.index_usage import IndexUsage


def result_of(test: str, outcome: Literal["passed", "failed", "skipped"]) -> pytest.TestReport:
    return pytest.TestReport(test, ("test_it.py", 1, "test"), {}, outcome, None, "call", duration=0.5)


def span_of_all(root: Path) -> Span:
    return Sources(root), 0, 0, 0, None, (), ()


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_the_data_do_not_depend_on_when_they_are_processed(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(report_backlog, "MOST_ENTRIES", most)
    backlog = Backlog()
    outcomes: tuple[Literal["passed", "failed", "skipped"], ...] = ("passed", "failed", "skipped")
    for number, outcome in enumerate(outcomes):
        backlog.add_result(result_of("test_it.py::test", outcome))
        backlog.add_usage([IndexUsage("shop.items", "a_1", {"a": 1, "b": -1}, number, False)])
    report = backlog.report()
    page = report["tests"]["test_it.py::test"]
    assert (page["seconds"], page["outcome"]) == (1.5, "failed")
    assert report["indexes"] == {
        "shop.items a_1 { a: 1, b: -1 }": {
            "namespace": "shop.items", "name": "a_1", "key": "{ a: 1, b: -1 }", "uses": 2, "serves_otherwise": False,
        },
    }  # fmt: skip
    assert backlog.report() is report


@pytest.mark.parametrize(("outcome", "shown"), [("passed", "xpassed"), ("skipped", "xfailed"), ("failed", "failed")])
def test_outcomes_of_tests_that_are_expected_to_fail(outcome: Literal["passed", "failed", "skipped"], shown: str) -> None:
    backlog, result = Backlog(), result_of("test_it.py::test", outcome)
    result.wasxfail = "a reason"
    backlog.add_result(result)
    assert backlog.report()["tests"]["test_it.py::test"]["outcome"] == shown


@pytest.mark.parametrize("size", [1, 20_000])
def test_long_commands_are_processed_at_once(tmp_path: Path, size: int) -> None:
    backlog = Backlog()
    with SecantusDBServer(port=0, storage_path=":memory:") as server:
        server.log_commands()
        with MongoClient(server.uri) as client:
            client.shop.items.insert_one({"a": "x" * size})
        taken = server.take_commands()
        assert server.logged_commands() == []
    backlog.add_commands(taken, "test_it.py::test", span_of_all(tmp_path))
    assert (backlog.waiting == 0) == (size > 1)
    (row,) = backlog.report()["tests"]["test_it.py::test"]["rows"]
    assert "db.items.insertOne({ _id: ObjectId(" in row


@pytest.mark.parametrize("is_sent", [False, True], ids=["here", "sent by another process"])
def test_commands_outside_of_the_test_are_others(tmp_path: Path, is_sent: bool) -> None:
    backlog = Backlog()
    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(server.uri) as client:
        server.log_commands()
        for number in range(6):
            client.shop.items.insert_one({"_id": number})
        taken = server.take_commands()
    if is_sent:
        taken = pickle.loads(pickle.dumps(taken))
    assert (len(taken), taken.end, taken.has_long) == (6, 6, False)
    backlog.add_commands(taken, "test_it.py::test", (Sources(tmp_path), 0, 0, 1, 5, ((2, 3),), (4,)))
    report = backlog.report()
    rows = [json.loads(row)["text"] for row in report["tests"]["test_it.py::test"]["rows"]]
    assert rows == [f"db.items.insertOne({{ _id: {number} }})" for number in (1, 3, 4)]
    assert report["other_commands"] == 3


@pytest.mark.parametrize("value", ["plain", 'a "quoted" \\ text', "\u00e4\u20ac\U0001f600", 'a\tb\x7f"', "x" * 900, ""], ids=range(6))
def test_a_row_is_the_json_of_the_record(value: str) -> None:
    with SecantusDBServer(port=0, storage_path=":memory:") as server:
        server.log_commands()
        with MongoClient(server.uri) as client:
            client.shop.items.insert_one({"a": value})
            client.shop[value[:20].replace('"', "") or "items"].find_one({"a": value})
            client.shop.items.update_many({}, {"$set": {"b": [value] * 6}})
        records = [one for one in server.logged_commands() if one.name in ("insert", "find", "update")]
    assert len(records) == 3
    for record in records:
        record.stack, record.source = (f"shop/{value[:5]}.py:1", "test_it.py:2"), "test_it.py:2"
        text = record.text if len(record.text) <= 600 else f"{record.text[:600]}..."
        expected = {
            "text": text, "namespace": record.namespace, "plan": record.plan_summary, "keys": record.keys_examined,
            "docs": record.docs_examined, "returned": record.n_returned, "ms": int(record.duration_ms * 1000 + 0.5) / 1000,
            "source": record.place, "error": record.error or "",
        }  # fmt: skip
        assert record.row(600) == json.dumps(expected)
