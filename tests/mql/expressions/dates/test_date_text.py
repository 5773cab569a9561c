"""`$dateToString` and `$dateFromString`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.bson.values import Date
from tests.mql.expressions.evaluation import error_of, evaluate

MOMENT = Date(1718447445123)  # 2024-06-15T10:30:45.123Z, a Saturday


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("%Y-%m-%dT%H:%M:%S.%L", "2024-06-15T10:30:45.123"),
        ("%j %U %w", "167 23 7"),
        ("%G-W%V-%u", "2024-W24-6"),
        ("%b %B", "Jun June"),
        ("%z %Z", "+0000 0"),
        ("100%%", "100%"),
        ("", ""),
    ],
)
def test_format(form: str, expected: str) -> None:
    assert evaluate({"$dateToString": {"date": MOMENT, "format": form}}) == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "2024-06-15T10:30:45.123Z"),
        ({"timezone": "UTC"}, "2024-06-15T10:30:45.123Z"),
        ({"timezone": "Asia/Tokyo"}, "2024-06-15T19:30:45.123"),
        ({"timezone": "America/New_York", "format": "%H%z %Z"}, "06-0400 -240"),
        ({"timezone": "$missing"}, None),
        ({"format": "$missing"}, None),
        ({"date": "$missing"}, None),
        ({"date": None, "onNull": "none"}, "none"),
    ],
)
def test_to_string_with_zones_and_nulls(more: dict[str, Any], expected: str | None) -> None:
    assert evaluate({"$dateToString": {"date": MOMENT, **more}}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2017-02-08", 1486512000000),
        ("20170208", 1486512000000),
        ("2017-02-08T12:10:40.787Z", 1486555840787),
        ("2017-02-08 12:10:40", 1486555840000),
        ("2017-02-08T12:10:40+05:00", 1486537840000),
        ("oct 20 2020", 1603152000000),
        ("October 20th, 2020", 1603152000000),
        ("20 Oct 2020 3:04pm", 1603206240000),
        ("10/20/2020", 1603152000000),
        ("Tue, 20 Oct 2020 00:00:00 GMT", 1603152000000),
        ("2020-W43-2", 1603152000000),
    ],
)
def test_from_string_without_a_format(text: str, expected: int) -> None:
    assert evaluate({"$dateFromString": {"dateString": text}}) == Date(expected)
    assert evaluate({"$toDate": text}) == Date(expected)


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("15-06-2018", "%d-%m-%Y", 1529020800000),
        ("jan 15 2020", "%b %d %Y", 1579046400000),
        ("JANUARY 15 2020", "%B %d %Y", 1579046400000),
        ("2024-W24", "%G-W%V", 1717977600000),
        ("2024-W24-6", "%G-W%V-%u", 1718409600000),
        ("2024-167", "%Y-%j", 1718496000000),
        # https://jira.mongodb.org/browse/SERVER-74002
        ("2007-01-11", "%Y-%j-%m", 1193961600000),
        ("2007-01-11-05", "%Y-%j-%m-%d", 1194220800000),
        ("2007-11-05-01", "%Y-%m-%d-%j", 1167696000000),
        ("2007-Nov-40-05", "%Y-%b-%j-%d", 1170633600000),
        ("2024-06-15 +0530", "%Y-%m-%d %z", 1718389800000),
        ("2024-06-15 +330", "%Y-%m-%d %Z", 1718389800000),
        ("100% 2024-06-15", "100%% %Y-%m-%d", 1718409600000),
        ("2018-06-15T10:30:45.1", "%Y-%m-%dT%H:%M:%S.%L", 1529058645100),
    ],
)
def test_from_string_with_a_format(text: str, form: str, expected: int) -> None:
    assert evaluate({"$dateFromString": {"dateString": "$t", "format": "$f"}}, {"t": text, "f": form}) == Date(expected)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"dateString": "$missing"}, None),
        ({"dateString": None, "onNull": 1}, 1),
        ({"dateString": "WED jan 31 12:05:28 +03:30 1996"}, Date(823077328000)),
        ({"dateString": "Wed Jan 31 12:05:28 1996"}, Date(823089928000)),
        ({"dateString": "no date", "onError": "bad"}, "bad"),
        ({"dateString": 5, "onError": "bad"}, "bad"),
        ({"dateString": None, "onNull": 1, "onError": {"$divide": ["$one", 0]}}, 1),
        ({"dateString": "2017-02-08", "onError": {"$divide": ["$one", 0]}}, Date(1486512000000)),
        ({"dateString": "2017-02-08", "timezone": "Europe/Paris"}, Date(1486508400000)),
        ({"dateString": "2017-02-08", "timezone": "$missing"}, None),
        ({"dateString": "2017-02-08", "format": "$missing"}, None),
    ],
)
def test_from_string_with_nulls_and_errors(more: dict[str, Any], expected: Any) -> None:
    assert evaluate({"$dateFromString": more}, {"one": 1}) == expected


@pytest.mark.parametrize("text", ["", "not a date", "2017-13-01", "2017-02-30", "2019-02-29", "2017-02-08T25:00", "2017", 5])
def test_what_is_no_date_fails(text: Any) -> None:
    assert error_of({"$dateFromString": {"dateString": "$t"}}, {"t": text})[0] == 241


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        ({"$dateToString": 1}, 18629, "$dateToString only supports an object as its argument"),
        ({"$dateToString": {}}, 18628, "Missing 'date' parameter to $dateToString"),
        ({"$dateToString": {"date": "$d", "x": 1}}, 18534, "Unrecognized argument to $dateToString: x"),
        ({"$dateToString": {"date": "$d", "format": "%x"}}, 18536, "Invalid format character '%x' in format string"),
        ({"$dateToString": {"date": "$d", "format": "%Y%"}}, 18535, "Unmatched '%' at end of format string"),
        (
            {"$dateToString": {"date": "$d", "format": 1}},
            18533,
            "$dateToString requires that 'format' be a string, found: int with value 1",
        ),
        ({"$dateToString": {"date": 1}}, 16006, "can't convert from BSON type int to Date"),
        (
            {"$dateToString": {"date": Date(-(10**15))}},
            18537,
            "$dateToString is only defined on year 0-9999, tried to use year -29719",
        ),
        ({"$dateFromString": []}, 40540, "$dateFromString only supports an object as an argument, found: array"),
        ({"$dateFromString": {}}, 40542, "Missing 'dateString' parameter to $dateFromString"),
        ({"$dateFromString": {"dateString": "$d", "x": 1}}, 40541, "Unrecognized argument to $dateFromString: x"),
        ({"$dateFromString": {"dateString": "$d", "format": "%U"}}, 18536, "Invalid format character '%U' in format string"),
        (
            {"$dateFromString": {"dateString": "2017-02-08T00:00Z", "timezone": "Asia/Tokyo"}},
            241,
            "you cannot pass in a date/time string with GMT offset together with a timezone argument",
        ),
        (
            {"$dateFromString": {"dateString": "2017-01", "format": "%Y-%m"}},
            241,
            'an incomplete date/time string has been found, with elements missing: "2017-01"',
        ),
    ],
)
def test_errors(spec: Any, code: int, text: str) -> None:
    assert error_of(spec) == (code, text)


@given(st.integers(-62135596800000, 253402300799999))
def test_what_is_written_is_read_again(ms: int) -> None:
    text = evaluate({"$dateToString": {"date": Date(ms)}})
    assert evaluate({"$dateFromString": {"dateString": text}}) == Date(ms)
    form = "%d.%m.%Y %H:%M:%S.%L"
    written = evaluate({"$dateToString": {"date": Date(ms), "format": form}})
    assert evaluate({"$dateFromString": {"dateString": written, "format": form}}) == Date(ms)
