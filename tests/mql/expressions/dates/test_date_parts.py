"""`$year` and its family, `$dateToParts`, `$dateFromParts`, time zones, `$tsSecond`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId, Timestamp
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.bson.values import Date
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import parse_expression
from secantus_server.mql.expressions.dates import calendar
from tests.mql.expressions.evaluation import error_of, evaluate

MOMENT = Date(1704110400123)  # 2024-01-01T12:00:00.123Z, a Monday
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("$year", 2024),
        ("$month", 1),
        ("$dayOfMonth", 1),
        ("$dayOfYear", 1),
        ("$dayOfWeek", 2),
        ("$week", 0),
        ("$isoDayOfWeek", 1),
        ("$isoWeek", 1),
        ("$isoWeekYear", Int64(2024)),
        ("$hour", 12),
        ("$minute", 0),
        ("$second", 0),
        ("$millisecond", 123),
    ],
)
def test_a_part_of_a_date(name: str, expected: Any) -> None:
    found = evaluate({name: "$d"}, {"d": MOMENT})
    assert (found, type(found)) == (expected, type(expected))
    assert evaluate({name: ["$d"]}, {"d": MOMENT}) == expected
    assert evaluate({name: {"date": "$d"}}, {"d": MOMENT}) == expected
    assert evaluate({name: "$missing"}) is None
    assert evaluate({name: {"date": "$d", "timezone": "$missing"}}, {"d": MOMENT}) is None


@pytest.mark.parametrize(
    ("date", "hour"),
    [(Timestamp(3600, 7), 1), (ObjectId("000000000000000000000000"), 0), (ObjectId("ffffffff0000000000000000"), 23)],
)
def test_what_counts_as_a_date(date: Any, hour: int) -> None:
    assert evaluate({"$hour": "$d"}, {"d": date}) == hour


@pytest.mark.parametrize(
    ("zone", "hour"),
    [
        ("UTC", 12),
        ("GMT", 12),
        ("Europe/Paris", 13),
        ("America/New_York", 7),
        ("EST", 7),
        ("+05:30", 17),
        ("-0530", 6),
        ("+03", 15),
        ("+25:00", 13),
    ],
)
def test_a_time_zone_moves_the_clock(zone: str, hour: int) -> None:
    assert evaluate({"$hour": {"date": MOMENT, "timezone": zone}}) == hour
    assert evaluate({"$hour": {"date": "$d", "timezone": "$z"}}, {"d": MOMENT, "z": zone}) == hour


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        ({"$year": "text"}, 16006, "can't convert from BSON type string to Date"),
        ({"$year": 1}, 16006, "can't convert from BSON type int to Date"),
        ({"$year": []}, 40536, "$year accepts exactly one argument if given an array, but was given 0"),
        ({"$year": [{"date": MOMENT}]}, 16006, "can't convert from BSON type object to Date"),
        ({"$year": {"date": MOMENT, "zone": "UTC"}}, 40535, 'unrecognized option to $year: "zone"'),
        ({"$year": {"timezone": "UTC"}}, 40539, "missing 'date' argument to $year, provided: $year: {timezone: \"UTC\"}"),
        ({"$year": {"date": "$d", "timezone": "Mars/Base"}}, 40485, 'unrecognized time zone identifier: "Mars/Base"'),
        ({"$year": {"date": "$d", "timezone": 5}}, 40517, "timezone must evaluate to a string, found int"),
        ({"$dateToParts": 1}, 40524, "$dateToParts only supports an object as its argument"),
        ({"$dateToParts": {}}, 40522, "Missing 'date' parameter to $dateToParts"),
        ({"$dateToParts": {"date": MOMENT, "x": 1}}, 40520, "Unrecognized argument to $dateToParts: x"),
        ({"$dateToParts": {"date": MOMENT, "iso8601": 1}}, 40521, "iso8601 must evaluate to a bool, found int"),
        ({"$dateFromParts": 1}, 40519, "$dateFromParts only supports an object as its argument"),
        ({"$dateFromParts": {"month": 1}}, 40516, "$dateFromParts requires either 'year' or 'isoWeekYear' to be present"),
        ({"$dateFromParts": {"isoWeekYear": 2024, "month": 1}}, 40525, "$dateFromParts does not allow mixing ISO dates with natural dates"),
        ({"$dateFromParts": {"year": 2024, "isoWeek": 1}}, 40489, "$dateFromParts does not allow mixing natural dates with ISO dates"),
        ({"$dateFromParts": {"year": 2024, "x": 1}}, 40518, "Unrecognized argument to $dateFromParts: x"),
        ({"$dateFromParts": {"year": 1.5}}, 40515, "'year' must evaluate to an integer, found double with value 1.5"),
        ({"$dateFromParts": {"year": 0}}, 40523, "'year' must evaluate to an integer in the range 1 to 9999, found 0"),
        ({"$tsSecond": MOMENT}, 5687301, " Argument to $tsSecond must be a timestamp, but is date"),
        ({"$tsIncrement": 1}, 5687302, " Argument to $tsIncrement must be a timestamp, but is int"),
    ],
)
def test_errors(spec: Any, code: int, text: str) -> None:
    assert error_of(spec) == (code, text)


def test_a_bad_constant_zone_is_refused_while_parsing() -> None:
    with pytest.raises(CommandError, match="unrecognized time zone"):
        parse_expression({"$hour": {"date": "$d", "timezone": "nowhere"}}, ParseContext())


def test_date_to_parts() -> None:
    natural = {"year": 2024, "month": 1, "day": 1, "hour": 13, "minute": 0, "second": 0, "millisecond": 123}
    iso = {"isoWeekYear": 2024, "isoWeek": 1, "isoDayOfWeek": 1, "hour": 12, "minute": 0, "second": 0, "millisecond": 123}
    assert evaluate({"$dateToParts": {"date": MOMENT, "timezone": "Europe/Paris"}}) == natural
    assert evaluate({"$dateToParts": {"date": MOMENT, "iso8601": True}}) == iso
    assert evaluate({"$dateToParts": {"date": MOMENT, "iso8601": None}}) is None


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"year": 2024}, 1704067200000),
        ({"year": Int64(2024), "month": 2.0, "day": Decimal128("29")}, 1709164800000),
        ({"year": 2023, "month": 14, "day": 0}, 1706659200000),
        ({"year": 2024, "hour": -1}, 1704063600000),
        ({"year": 2024, "timezone": "America/New_York"}, 1704085200000),
        ({"isoWeekYear": 2020, "isoWeek": 1, "isoDayOfWeek": 8}, 1578268800000),
    ],
)
def test_date_from_parts(parts: dict[str, Any], expected: int) -> None:
    assert evaluate({"$dateFromParts": parts}) == Date(expected)
    assert evaluate({"$dateFromParts": {**parts, "minute": "$missing"}}) is None


def test_the_halves_of_a_timestamp() -> None:
    doc = {"t": Timestamp(5, 6)}
    assert [type(evaluate({name: "$t"}, doc)) for name in ("$tsSecond", "$tsIncrement")] == [Int64, Int64]
    assert (evaluate({"$tsSecond": "$t"}, doc), evaluate({"$tsIncrement": "$t"}, doc)) == (5, 6)
    assert evaluate({"$tsSecond": "$missing"}) is None


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))
def test_the_calendar_agrees_with_python(wall: datetime) -> None:
    ms = (wall.replace(tzinfo=timezone.utc) - EPOCH) // timedelta(milliseconds=1)
    day = ms // calendar.MS_PER_DAY
    parts = calendar.split(ms)
    assert parts[:6] == (wall.year, wall.month, wall.day, wall.hour, wall.minute, wall.second)
    assert calendar.join(calendar.day_number(*parts[:3]), *parts[3:]) == ms
    assert tuple(calendar.iso_week(day)) == tuple(wall.isocalendar())
    assert calendar.iso_day_number(*calendar.iso_week(day)) == day
    assert calendar.day_of_year(day) == wall.timetuple().tm_yday
    assert calendar.week_of_year(day) == int(wall.strftime("%U"))
