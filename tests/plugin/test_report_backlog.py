"""The part of a report's data that has not been processed yet."""

from __future__ import annotations

import pytest
from pymongo import MongoClient

from pytest_secantus import report_backlog
from pytest_secantus.report_backlog import Backlog
from secantus_server.server import SecantusDBServer
from secantus_server.work.index_usage import IndexUsage


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_the_data_do_not_depend_on_when_they_are_processed(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(report_backlog, "MOST_ENTRIES", most)
    backlog = Backlog()
    for number, outcome in enumerate(["passed", "failed", "skipped"]):
        backlog.add_result("test_it.py::test", 0.5, outcome)
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


@pytest.mark.parametrize("size", [1, 20_000])
def test_long_commands_are_processed_at_once(size: int) -> None:
    backlog = Backlog()
    with SecantusDBServer(port=0, storage_path=":memory:") as server:
        server.log_commands()
        with MongoClient(server.uri) as client:
            client.shop.items.insert_one({"a": "x" * size})
        (record,) = (one for one in server.logged_commands() if one.name == "insert")
    backlog.add_commands("test_it.py::test", [record])
    assert (backlog.waiting == 0) == (size > 1)
    (row,) = backlog.report()["tests"]["test_it.py::test"]["rows"]
    assert "db.items.insertOne({ _id: ObjectId(" in row
