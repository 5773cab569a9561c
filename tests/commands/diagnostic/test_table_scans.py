"""The parameter notablescan: queries that need a collection scan fail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import OperationFailure

Commands = Database[dict[str, Any]]

TEXT = "error processing query: ns={}.c: planner returned error :: caused by :: No indexed plans available, and running with 'notablescan'"
SCANS = {"b": 1}


@pytest.fixture
def strict(db: Commands) -> Iterator[Commands]:
    """A database with an indexed collection, on a server that refuses scans."""
    db.c.insert_many([{"_id": number, "a": number, "b": number} for number in range(3)])
    db.c.create_index("a")
    db.client.admin.command({"setParameter": 1, "notablescan": True})
    try:
        yield db
    finally:
        assert db.client.admin.command({"setParameter": 1, "notablescan": False})["was"] is True


@pytest.mark.parametrize(
    "command",
    [
        {"find": "c", "filter": SCANS},
        {"find": "c", "filter": {"$or": [{"a": 1}, SCANS]}, "sort": {"b": 1}},
        {"count": "c", "query": SCANS},
        {"distinct": "c", "key": "b", "query": SCANS},
        {"aggregate": "c", "pipeline": [{"$match": SCANS}], "cursor": {}},
        {"findAndModify": "c", "query": SCANS, "remove": True},
        {"explain": {"find": "c", "filter": SCANS}},
    ],
)
def test_a_scan(strict: Commands, command: dict[str, Any]) -> None:
    with pytest.raises(OperationFailure) as caught:
        strict.command(command)
    assert (caught.value.code, caught.value.details["errmsg"]) == (291, TEXT.format(strict.name))  # type: ignore[index]


@pytest.mark.parametrize(
    "write", [{"update": "c", "updates": [{"q": SCANS, "u": {"$set": {"c": 1}}}]}, {"delete": "c", "deletes": [{"q": SCANS, "limit": 0}]}]
)
def test_a_write_that_scans(strict: Commands, write: dict[str, Any]) -> None:
    assert strict.command(write, check=False)["writeErrors"][0]["code"] == 291


def test_the_natural_order(strict: Commands) -> None:
    with pytest.raises(OperationFailure, match="hint \\$natural is not allowed, because 'notablescan' is enabled"):
        list(strict.c.find(SCANS, hint=[("$natural", 1)]))


def test_a_clustered_collection(strict: Commands) -> None:
    strict.create_collection("d", clusteredIndex={"key": {"_id": 1}, "unique": True})
    strict.d.insert_one({"_id": 1})
    assert list(strict.d.find({"_id": {"$gt": 0}})) == [{"_id": 1}]
    with pytest.raises(OperationFailure, match="No indexed plans available"):
        list(strict.d.find(SCANS))


def test_what_needs_no_scan_or_has_no_filter(strict: Commands) -> None:
    assert strict.c.find_one({"a": 1}) == strict.c.find_one({"_id": 1}) == {"_id": 1, "a": 1, "b": 1}
    assert len(list(strict.c.find({}, sort=[("b", 1)]))) == 3
    assert strict.missing.find_one(SCANS) is None
    assert strict.client.admin["system.version"].find_one(SCANS) is None


def test_updates_of_a_time_series_use_the_index_on_its_buckets(strict: Commands) -> None:
    strict.create_collection("series", timeseries={"timeField": "t", "metaField": "m"})
    strict.series.insert_one({"t": datetime(2026, 1, 1), "m": 1})
    assert strict.series.update_many({"m": 1}, {"$set": {"m": 2}}).matched_count == 1
    assert strict.series.update_many({"m": 2}, {"$set": {"m": 1}}, hint={"m": 1, "t": 1}).matched_count == 1
