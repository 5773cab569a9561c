"""Expressions."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from tests.differences.showing import Db, shows, value_of

EPOCH = datetime(1970, 1, 1)
WHOLE, FRACTION = EPOCH - timedelta(seconds=10), EPOCH - timedelta(milliseconds=9500)


@shows("trim_limit", before=["", "b", 50700, None], after=["", 2, 50700, None])
def trim(db: Db) -> list[Any]:
    calls = [("a", "a" * 4096), ("ab", "a" * 4097), ("a", 1), (None, "a" * 4097)]
    found = [{value_or_code(db, name, text, chars) for name in ("$trim", "$ltrim")} for text, chars in calls]
    assert all(len(values) == 1 for values in found)
    return [values.pop() for values in found]


def value_or_code(db: Db, name: str, text: Any, characters: Any) -> Any:
    return value_of(db, {name: {"input": "$text", "chars": "$chars"}}, {"text": text, "chars": characters})


def added(db: Db, date: datetime, unit: str, amount: int) -> int:
    found = value_of(db, {"$dateAdd": {"startDate": "$d", "unit": unit, "amount": amount}}, {"d": date})
    subtracted = value_of(db, {"$dateSubtract": {"startDate": "$d", "unit": unit, "amount": -amount}}, {"d": date})
    assert found == subtracted
    return round((found.replace(tzinfo=None) - date).total_seconds() * 1000)


@shows("dates_before_1970", before=[0, 0, -1000, 1000, 59000, 0], after=[0, 0, 0, 1000, 60000, 0])
def date_add(db: Db) -> list[int]:
    return [
        added(db, WHOLE, "second", 0),
        added(db, FRACTION, "millisecond", 0),
        added(db, FRACTION, "second", 0),
        added(db, WHOLE, "second", 1),
        added(db, FRACTION, "minute", 1),
        added(db, datetime.now(timezone.utc).replace(tzinfo=None, microsecond=500000), "day", 0),
    ]


@shows("dates_before_1970", before=[0, 1], after=[1, 2])
def range_windows(db: Db) -> list[int]:
    documents = [{"d": FRACTION}, {"d": FRACTION + timedelta(seconds=1)}]
    window = {"range": [-1, 0], "unit": "second"}
    stage = {"$setWindowFields": {"sortBy": {"d": 1}, "output": {"n": {"$sum": 1, "window": window}}}}
    return [document["n"] for document in db.aggregate([{"$documents": documents}, stage])]
