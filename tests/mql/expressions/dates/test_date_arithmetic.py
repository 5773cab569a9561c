"""`$dateAdd`, `$dateSubtract`, `$dateDiff`, `$dateTrunc`."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Decimal128, Int64
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.bson.values import Date
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions.dates.parse_text import parse_date_text
from secantus_server.mql.expressions.dates.timezones import UTC
from secantus_server.version import MONGODB_9_0
from tests.mql.expressions.evaluation import error_of, evaluate

UNITS = ["millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"]


def date(text: str) -> Date:
    return Date(parse_date_text(text, UTC))


@pytest.mark.parametrize(
    ("start", "amount", "unit", "zone", "expected"),
    [
        ("2024-01-31", 1, "month", "UTC", "2024-02-29"),
        ("2023-12-31", 2, "month", "UTC", "2024-02-29"),
        ("2024-02-29", 1, "year", "UTC", "2025-02-28"),
        ("2024-05-31", 1, "quarter", "UTC", "2024-08-31"),
        ("2024-01-01", Int64(2), "week", "UTC", "2024-01-15"),
        ("2024-01-01", 2.0, "hour", "UTC", "2024-01-01T02:00"),
        ("2024-01-01", Decimal128("3"), "millisecond", "UTC", "2024-01-01T00:00:00.003"),
        ("2021-03-13T15:00", 1, "day", "America/New_York", "2021-03-14T14:00"),
        ("2021-03-13T15:00", 24, "hour", "America/New_York", "2021-03-14T15:00"),
        ("2024-01-01T02:00", 1, "month", "America/New_York", "2024-02-01T02:00"),
    ],
)
def test_adding_and_subtracting(start: str, amount: Any, unit: str, zone: str, expected: str) -> None:
    arguments = {"startDate": date(start), "unit": unit, "timezone": zone}
    assert evaluate({"$dateAdd": {**arguments, "amount": amount}}) == date(expected)
    negative = Decimal128("-3") if type(amount) is Decimal128 else -amount
    assert evaluate({"$dateSubtract": {**arguments, "amount": negative}}) == date(expected)


@pytest.mark.parametrize("name", ["startDate", "unit", "amount", "timezone"])
def test_null_makes_the_sum_null(name: str) -> None:
    arguments = {"startDate": date("2024-01-01"), "unit": "day", "amount": 1, "timezone": "UTC"}
    assert evaluate({"$dateAdd": {**arguments, name: "$missing"}}) is None


@pytest.mark.parametrize(
    ("start", "end", "unit", "more", "expected"),
    [
        ("2010-01-01", "2011-07-01", "year", {}, 1),
        ("2024-01-31", "2024-02-01", "month", {}, 1),
        ("2024-07-01", "2024-01-01", "quarter", {}, -2),
        ("2021-01-01", "2021-01-31", "week", {}, 5),
        ("2021-01-01", "2021-01-31", "week", {"startOfWeek": "FRI"}, 4),
        ("2021-01-01T23:59:59", "2021-01-02", "day", {}, 1),
        ("2021-01-01T23:30", "2021-01-02T00:30", "day", {"timezone": "+05:30"}, 0),
        ("2021-03-14T06:00", "2021-03-14T08:00", "hour", {"timezone": "America/New_York"}, 2),
        ("2021-01-01", "2021-01-01T00:00:00.999", "second", {}, 0),
        ("2021-01-01", "2021-01-02", "day", {"startOfWeek": "never"}, 1),
    ],
)
def test_difference(start: str, end: str, unit: str, more: dict[str, Any], expected: int) -> None:
    found = evaluate({"$dateDiff": {"startDate": date(start), "endDate": date(end), "unit": unit, **more}})
    assert (found, type(found)) == (expected, Int64)


@pytest.mark.parametrize(
    ("text", "unit", "more", "expected"),
    [
        ("2021-03-20T11:30:05", "hour", {"binSize": 2}, "2021-03-20T10:00"),
        ("2021-03-20T11:30:05", "week", {}, "2021-03-14"),
        ("2021-03-20T11:30:05", "week", {"startOfWeek": "monday"}, "2021-03-15"),
        ("2021-03-20T11:30:05", "year", {"binSize": 10}, "2020-01-01"),
        ("1999-12-31T23:59:59", "year", {"binSize": 5}, "1995-01-01"),
        ("2021-11-07T06:30", "day", {"timezone": "America/New_York"}, "2021-11-07T04:00"),
        ("2021-06-15T12:00", "hour", {"timezone": "+05:45"}, "2021-06-15T11:15"),
        ("2021-08-15", "quarter", {}, "2021-07-01"),
        ("2021-03-20T11:30:05", "day", {"startOfWeek": None}, "2021-03-20"),
    ],
)
def test_truncation(text: str, unit: str, more: dict[str, Any], expected: str) -> None:
    assert evaluate({"$dateTrunc": {"date": date(text), "unit": unit, **more}}) == date(expected)


def test_a_null_start_of_week() -> None:
    assert evaluate({"$dateTrunc": {"date": date("2021-03-20"), "unit": "week", "startOfWeek": None}}) is None
    assert evaluate({"$dateTrunc": {"date": "$d", "unit": "day", "startOfWeek": None}}, {"d": date("2021-03-20")}) is None


DAY = {"startDate": Date(0), "endDate": Date(0), "unit": "day"}
ADD = {"startDate": Date(0), "unit": "day", "amount": 1}
TRUNC = {"date": Date(0), "unit": "day"}
HOURS = {"date": Date(0), "unit": "hour"}


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        ({"$dateAdd": 1}, 5166400, "$dateAdd expects an object as its argument"),
        ({"$dateAdd": {"unit": "day"}}, 5166402, "$dateAdd requires startDate, unit, and amount to be present"),
        ({"$dateAdd": {**ADD, "startDate": 1}}, 5166403, "$dateAdd requires startDate to be convertible to a date"),
        ({"$dateSubtract": {**ADD, "amount": 1.5}}, 5166405, "$dateSubtract expects integer amount of time units"),
        ({"$dateAdd": {**ADD, "unit": 1}}, 5439013, "$dateAdd requires 'unit' to be a string, but got int"),
        ({"$dateAdd": {**ADD, "unit": "Day"}}, 9, "$dateAdd parameter 'unit' value cannot be recognized as a time unit: Day"),
        ({"$dateAdd": {**ADD, "startDate": Date(2**63 - 1)}}, 5166406, "$dateAdd overflowed"),
        ({"$dateDiff": []}, 5166301, "$dateDiff only supports an object as its argument"),
        ({"$dateDiff": {**DAY, "x": 1}}, 5166302, "Unrecognized argument to $dateDiff: x"),
        ({"$dateDiff": {}}, 5166303, "Missing 'startDate' parameter to $dateDiff"),
        ({"$dateDiff": {**DAY, "endDate": "x"}}, 5166307, "$dateDiff requires 'endDate' to be a date, but got string"),
        ({"$dateDiff": {**DAY, "unit": "week", "startOfWeek": 1}}, 5439015, "$dateDiff requires 'startOfWeek' to be a string, but got int"),
        (
            {"$dateDiff": {**DAY, "unit": "week", "startOfWeek": "never"}},
            5439016,
            "$dateDiff parameter 'startOfWeek' value cannot be recognized as a day of a week: never",
        ),
        ({"$dateTrunc": 1}, 5439007, "$dateTrunc only supports an object as its argument"),
        ({"$dateTrunc": {"date": Date(0)}}, 5439010, "Missing 'unit' parameter to $dateTrunc"),
        (
            {"$dateTrunc": {**TRUNC, "binSize": "2"}},
            5439017,
            "$dateTrunc requires 'binSize' to be a 64-bit integer, but got value '\"2\"' of type string",
        ),
        ({"$dateTrunc": {**TRUNC, "binSize": 0}}, 5439018, "$dateTrunc requires 'binSize' to be greater than 0, but got value 0"),
        ({"$dateTrunc": {**TRUNC, "binSize": Int64(10**12)}}, 5439006, "dateTrunc unsupported binSize value"),
        ({"$dateTrunc": {**HOURS, "binSize": Int64(10**13)}}, 5439002, "dateTrunc binSize in milliseconds exceeds 64 bits"),
        ({"$dateTrunc": {**TRUNC, "date": 1}}, 5166307, "$dateTrunc requires 'date' to be a date, but got int"),
    ],
)
def test_errors(spec: Any, code: int, text: str) -> None:
    assert error_of(spec) == (code, text)


@pytest.mark.parametrize("unit", UNITS)
@given(st.integers(-(10**13), 10**14), st.integers(1, 50))
def test_a_bin_begins_at_or_before_its_dates_and_is_its_own_bin(unit: str, ms: int, size: int) -> None:
    start = evaluate({"$dateTrunc": {"date": Date(ms), "unit": unit, "binSize": size}})
    assert start.ms <= ms
    assert evaluate({"$dateTrunc": {"date": start, "unit": unit, "binSize": size}}) == start
    assert evaluate({"$dateAdd": {"startDate": start, "unit": unit, "amount": size}}).ms > ms


@pytest.mark.parametrize("unit", UNITS)
@given(st.integers(-(10**13), 10**14), st.integers(-1000, 1000))
def test_the_difference_of_a_sum_is_the_amount(unit: str, ms: int, amount: int) -> None:
    # MongoDB 8.2 does not add correctly to dates before 1970.
    moved = evaluate({"$dateAdd": {"startDate": Date(ms), "unit": unit, "amount": amount}}, ctx=ParseContext(release=MONGODB_9_0))
    assert evaluate({"$dateDiff": {"startDate": Date(ms), "endDate": moved, "unit": unit}}) == amount
