"""The rules of expression operators: nulls, types of results, bounds and error codes. https://www.mongodb.com/docs/manual/reference/mql/expressions/"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import Any
from uuid import UUID

from bson import Binary, Decimal128, Int64, ObjectId, Timestamp
from pymongo.database import Database

from tests.failing import code_of_call as code
from tests.surface.rows import row

Db = Database[dict[str, Any]]
rules = partial(row, "Rules of expressions")
LEAST, GREATEST = Int64(-(2**63)), Int64(2**63 - 1)
NAN, INFINITE = float("nan"), float("inf")
MOMENT = datetime(2026, 11, 5, 7, 8, 9, 123000, tzinfo=timezone.utc)
at = partial(datetime, tzinfo=timezone.utc)
MISSING = "missing"


def value(db: Db, expression: Any, document: dict[str, Any] | None = None) -> Any:
    """Return the value of an expression over a document, or `MISSING`."""
    return next(db.aggregate([{"$documents": [document or {}]}, {"$project": {"v": expression}}])).get("v", MISSING)


def of(db: Db, operator: str, *arguments: Any) -> Any:
    """Return what an operator makes of arguments, which it reads from fields. It must make the same of constants."""
    document = {f"a{number}": argument for number, argument in enumerate(arguments) if argument is not MISSING}
    found = value(db, {operator: [f"$a{number}" for number in range(len(arguments))]}, document)
    if MISSING not in arguments:
        constant = value(db, {operator: [{"$literal": argument} for argument in arguments]})
        assert repr(found) == repr(constant), f"{operator} of {arguments}: {found!r} of fields, {constant!r} of constants"
    return found


def failure(db: Db, operator: str, *arguments: Any) -> int | None:
    """Return the error code of an operator's call with the given arguments."""
    return code(of, db, operator, *arguments)


def same(found: Any, expected: Any) -> bool:
    """Return whether a value is equal to another one of the same type."""
    return type(found) is type(expected) and (found == expected or repr(found) == repr(expected))


@rules("null or missing operands")
def nullish(db: Db) -> None:
    one = ["$abs", "$ceil", "$exp", "$floor", "$ln", "$log10", "$sqrt", "$trunc", "$round", "$sin", "$acos", "$degreesToRadians", "$bitNot"]
    for name in [
        *one,
        "$year",
        "$isoWeek",
        "$dayOfWeek",
        "$toInt",
        "$toObjectId",
        "$toDate",
        "$toString",
        "$reverseArray",
        "$first",
        "$last",
    ]:
        assert of(db, name, None) is of(db, name, MISSING) is None, name
    for name in ["$add", "$subtract", "$multiply", "$divide", "$mod", "$pow", "$log", "$bitAnd", "$bitOr", "$bitXor", "$atan2"]:
        assert of(db, name, None, 2) is of(db, name, 2, MISSING) is None, name
    for name in ["$concat", "$concatArrays", "$setUnion", "$setIntersection", "$setDifference", "$split", "$mergeObjects"]:
        assert of(db, name, None, MISSING) == ({} if name == "$mergeObjects" else None), name


@rules("$add", "$subtract", "$multiply")
def sums(db: Db) -> None:
    assert same(of(db, "$add", 2**31 - 1, 1), Int64(2**31))
    assert same(of(db, "$add", GREATEST, 1), float(2**63))
    assert same(of(db, "$multiply", GREATEST, 2), float(2**64))
    assert same(of(db, "$subtract", -(2**31), 1), Int64(-(2**31) - 1))
    assert same(of(db, "$add", 1, 1.0), 2.0)
    assert same(of(db, "$add", 0.5, Decimal128("1")), Decimal128("1.500000000000000"))
    assert same(of(db, "$subtract", MOMENT, MOMENT), Int64(0))
    assert of(db, "$add", MOMENT, 877) == of(db, "$add", 877, MOMENT) == at(2026, 11, 5, 7, 8, 10)
    assert of(db, "$subtract", MOMENT, 123) == at(2026, 11, 5, 7, 8, 9)
    assert failure(db, "$add", MOMENT, MOMENT) == 16612
    assert [failure(db, name, 1, "x") for name in ("$add", "$subtract", "$multiply")] == [14] * 3
    assert same(value(db, {"$add": []}), 0)
    assert same(value(db, {"$multiply": []}), 1)


@rules("$divide", "$mod")
def quotients(db: Db) -> None:
    assert same(of(db, "$divide", 6, 3), 2.0)
    assert same(of(db, "$divide", Decimal128("6"), 3), Decimal128("2"))
    assert failure(db, "$divide", 1, 0) == 2
    assert failure(db, "$divide", 1, Decimal128("0")) == 2
    assert [of(db, "$mod", *pair) for pair in ((-7, 3), (7, -3), (-7.5, 2), (Int64(7), 4))] == [-1, 1, -1.5, 3]
    assert failure(db, "$mod", 1, 0) == failure(db, "$mod", 1, 0.0) == 16610
    assert failure(db, "$mod", "x", 1) == 16611


@rules("$abs", "$pow", "$sqrt", "$ln", "$log", "$log10")
def powers(db: Db) -> None:
    assert failure(db, "$abs", LEAST) == 28680
    assert same(of(db, "$abs", -(2**31)), Int64(2**31))
    assert same(of(db, "$pow", 2, 10), 1024)
    assert same(of(db, "$pow", 2, 40), Int64(2**40))
    assert same(of(db, "$pow", 2, 70), float(2**70))
    assert same(of(db, "$pow", 2, -1), 0.5)
    assert failure(db, "$pow", 0, -1) == 28764
    assert failure(db, "$sqrt", -1) == 28714
    assert failure(db, "$ln", 0) == failure(db, "$ln", -1) == 28766
    assert failure(db, "$log10", 0) == 28761
    assert [failure(db, "$log", *pair) for pair in ((0, 2), (2, 1), (2, 0))] == [28758, 28759, 28759]
    assert same(of(db, "$log", 100, 10), 2.0)


@rules("$round", "$trunc", "$ceil", "$floor")
def rounding(db: Db) -> None:
    assert [of(db, "$round", number) for number in (0.5, 1.5, 2.5, -0.5, -1.5)] == [0.0, 2.0, 2.0, -0.0, -2.0]
    assert [of(db, "$round", *pair) for pair in ((19.25, 1), (28.73, -1), (1234, -2), (1250, -2), (1350, -2))] == [
        19.2,
        30.0,
        1200,
        1200,
        1400,
    ]
    assert [of(db, "$trunc", *pair) for pair in ((19.25, 1), (-28.73, 0), (1294, -2))] == [19.2, -28.0, 1200]
    assert same(of(db, "$round", Int64(5)), Int64(5))
    assert same(of(db, "$ceil", -0.5), -0.0)
    assert same(of(db, "$floor", Decimal128("-1.5")), Decimal128("-2"))
    assert [failure(db, "$round", 1, place) for place in (101, -21, 1.5)] == [51083, 51083, 51082]
    assert failure(db, "$round", "x") == failure(db, "$trunc", "x") == 51081
    assert failure(db, "$ceil", "x") == 28765


@rules("$bitAnd", "$bitOr", "$bitXor", "$bitNot")
def bits(db: Db) -> None:
    assert [value(db, {name: []}) for name in ("$bitAnd", "$bitOr", "$bitXor")] == [-1, 0, 0]
    assert same(of(db, "$bitAnd", 12, Int64(10)), Int64(8))
    assert same(of(db, "$bitOr", 12, 10), 14)
    assert same(of(db, "$bitXor", 12, 10), 6)
    assert same(of(db, "$bitNot", 12), -13)
    assert failure(db, "$bitAnd", 1.0, 1) == failure(db, "$bitNot", 1.0) == 14


@rules("$sin", "$cos", "$tan", "$asin", "$acos", "$atan2", "$acosh", "$atanh")
def angles(db: Db) -> None:
    for name in ("$sin", "$cos", "$tan"):
        assert failure(db, name, INFINITE) == 50989
    assert failure(db, "$acos", 1.1) == failure(db, "$asin", -1.1) == failure(db, "$acosh", 0.9) == failure(db, "$atanh", 1.1) == 50989
    assert of(db, "$atanh", 1) == INFINITE
    assert same(of(db, "$cos", Decimal128("0")), Decimal128("1"))
    assert repr(of(db, "$sin", NAN)) == "nan"
    assert of(db, "$atan2", 0, -1) == of(db, "$acos", -1)
    assert failure(db, "$sin", "x") == 28765


@rules("$cmp", "$gt", "$eq")
def comparisons(db: Db) -> None:
    assert [of(db, "$cmp", *pair) for pair in ((1, 2), (2, 2.0), ("a", 1), (MISSING, None))] == [-1, 0, 1, -1]
    assert of(db, "$gt", "a", 1) is True
    assert of(db, "$gt", {}, "z") is True
    assert of(db, "$eq", MISSING, None) is False
    assert of(db, "$eq", NAN, NAN) is True
    assert of(db, "$eq", [1], 1) is False
    assert code(value, db, {"$eq": [1]}) == code(value, db, {"$gt": [1, 2, 3]}) == 16020


@rules("$and", "$or", "$not", "$cond", "$ifNull", "$switch")
def conditions(db: Db) -> None:
    assert value(db, {"$and": []}) is True
    assert value(db, {"$or": []}) is False
    falsy = [False, 0, 0.0, Int64(0), Decimal128("0"), None, MISSING]
    assert all(of(db, "$not", one) is True for one in falsy)
    assert not any(of(db, "$not", one) for one in ("", [], {}, NAN, "false"))
    assert of(db, "$cond", MISSING, 1, 2) == 2
    assert value(db, {"$cond": {"if": "$a", "then": "$b", "else": 2}}, {"a": 1}) == MISSING
    assert [code(value, db, {"$cond": one}) for one in ([1, 2], {"if": 1, "then": 1}, {"if": 1, "then": 1, "else": 1, "x": 1})] == [
        16020, 17082, 17083
    ]  # fmt: skip
    assert of(db, "$ifNull", None, MISSING, 3) == 3
    assert of(db, "$ifNull", None, MISSING) == MISSING
    assert code(value, db, {"$ifNull": [1]}) == 1257300
    assert code(value, db, {"$switch": {"branches": [{"case": "$x", "then": 1}]}}) == 40066
    assert code(value, db, {"$switch": {"branches": []}}) == 40068


@rules("$arrayElemAt", "$first", "$last", "$firstN", "$lastN", "$slice", "$maxN", "$minN")
def elements(db: Db) -> None:
    numbers = [1, 2, 3]
    assert [of(db, "$arrayElemAt", numbers, index) for index in (0, -1, 3, -4)] == [1, 3, MISSING, MISSING]
    assert of(db, "$arrayElemAt", None, 0) is None
    assert [failure(db, "$arrayElemAt", *pair) for pair in ((1, 0), (numbers, "x"), (numbers, 1.5))] == [28689, 28690, 28691]
    assert of(db, "$first", []) == of(db, "$last", []) == MISSING
    assert failure(db, "$first", 1) == 28689
    assert [of(db, "$slice", numbers, *rest) for rest in ((2,), (-2,), (1, 1), (-2, 1), (5, 1), (-9, 2))] == [
        [1, 2], [2, 3], [2], [2], [], [1, 2]
    ]  # fmt: skip
    assert failure(db, "$slice", numbers, 0, 0) == 28729
    assert failure(db, "$slice", 1, 1) == 28724
    assert [value(db, {name: {"input": numbers, "n": 2}}) for name in ("$firstN", "$lastN", "$maxN", "$minN")] == [
        [1, 2],
        [2, 3],
        [3, 2],
        [1, 2],
    ]
    assert [code(value, db, {"$firstN": {"input": numbers, "n": count}}) for count in (0, "x", 1.5)] == [5787908, 5787902, 5787903]
    assert value(db, {"$maxN": {"input": [None, 1], "n": 2}}) == [1]


@rules("$arrayToObject", "$objectToArray", "$concatArrays", "$in", "$indexOfArray", "$isArray", "$size", "$reverseArray")
def arrays(db: Db) -> None:
    assert value(db, {"$arrayToObject": [[["a", 1], ["b", 2], ["a", 3]]]}) == {"a": 3, "b": 2}
    assert of(db, "$arrayToObject", [{"k": "a", "v": 1}]) == {"a": 1}
    wrong = [1, [1], [["a"]], [[1, 2]], [{"k": "a"}], [{"k": 1, "v": 1}], [["a", 1], {"k": "b", "v": 1}]]
    assert [failure(db, "$arrayToObject", one) for one in wrong] == [40386, 40398, 40397, 40395, 40392, 40394, 40396]
    assert of(db, "$objectToArray", {"a": 1}) == [{"k": "a", "v": 1}]
    assert failure(db, "$objectToArray", [1]) == 40390
    assert failure(db, "$concatArrays", [1], 1) == 28664
    assert [of(db, "$in", one, [1, [2], None]) for one in (1.0, 2, [2], None, MISSING)] == [True, False, True, True, False]
    assert failure(db, "$in", 1, 1) == failure(db, "$in", 1, None) == 40081
    assert [of(db, "$indexOfArray", [1, 2, 1], *rest) for rest in ((1,), (1, 1), (1, 1, 2), (9,), (1, 9))] == [0, 2, -1, -1, -1]
    assert of(db, "$indexOfArray", None, 1) is None
    assert [failure(db, "$indexOfArray", *given) for given in ((1, 1), ([1], 1, -1), ([1], 1, 1.5))] == [40090, 9711601, 9711600]
    assert [of(db, "$isArray", one) for one in ([], 1, MISSING)] == [True, False, False]
    assert failure(db, "$size", None) == failure(db, "$size", MISSING) == failure(db, "$size", 1) == 17124
    assert failure(db, "$reverseArray", 1) == 34435


@rules("$filter", "$map", "$reduce", "$range", "$sortArray", "$zip")
def iteration(db: Db) -> None:
    assert value(db, {"$map": {"input": None, "in": 1}}) is None
    assert code(value, db, {"$map": {"input": 1, "in": 1}}) == 16883
    assert value(db, {"$map": {"input": [1, 2], "in": "$$this.x"}}) == [None, None]
    assert value(db, {"$filter": {"input": [1, 2, 3], "cond": {"$gt": ["$$this", 1]}, "limit": 1}}) == [2]
    assert code(value, db, {"$filter": {"input": 1, "cond": True}}) == 28651
    assert value(db, {"$reduce": {"input": None, "initialValue": 1, "in": 1}}) is None
    assert value(db, {"$reduce": {"input": [], "initialValue": 1, "in": 2}}) == 1
    assert code(value, db, {"$reduce": {"input": 1, "initialValue": 1, "in": 1}}) == 40080
    assert [of(db, "$range", *given) for given in ((0, 3), (3, 0, -2), (0, 3, -1), (1, 1))] == [[0, 1, 2], [3, 1], [], []]
    assert [failure(db, "$range", *given) for given in (("x", 1), (0.5, 1), (0, "x"), (0, 0.5), (0, 1, "x"), (0, 1, 0.5), (0, 1, 0))] == [
        34443, 34444, 34445, 34446, 34447, 34448, 34449
    ]  # fmt: skip
    by_field = {"$sortArray": {"input": [{"a": 1, "b": 2}, {"a": 1, "b": 1}, {"a": 0}], "sortBy": {"a": 1, "b": 1}}}
    assert value(db, by_field) == [{"a": 0}, {"a": 1, "b": 1}, {"a": 1, "b": 2}]
    assert value(db, {"$sortArray": {"input": ["b", 1, None, "a"], "sortBy": -1}}) == ["b", "a", 1, None]
    rows = [[1, 2, 3], ["a", "b"]]
    assert value(db, {"$zip": {"inputs": rows}}) == [[1, "a"], [2, "b"]]
    longest = {"inputs": rows, "useLongestLength": True}
    assert value(db, {"$zip": longest})[2] == [3, None]
    assert value(db, {"$zip": {**longest, "defaults": [0, "z"]}})[2] == [3, "z"]
    assert value(db, {"$zip": {"inputs": [[1], None]}}) is None


@rules("$setDifference", "$setEquals", "$setIntersection", "$setIsSubset", "$setUnion", "$allElementsTrue", "$anyElementTrue")
def sets(db: Db) -> None:
    assert of(db, "$setDifference", [3, 1, 2, 1], [2]) == [3, 1]
    assert of(db, "$setEquals", [1, 2, 1], [2, 1.0]) is True
    assert sorted(of(db, "$setIntersection", [1, 2, 3], [2, 3, 3])) == [2, 3]
    assert of(db, "$setIsSubset", [1, 1], [1, 2]) is True
    assert sorted(of(db, "$setUnion", [1, 2], [2, 3])) == [1, 2, 3]
    assert [failure(db, name, [1], 1) for name in ("$setDifference", "$setEquals", "$setIntersection", "$setIsSubset", "$setUnion")] == [
        17049, 17044, 17047, 17042, 17043
    ]  # fmt: skip
    assert failure(db, "$setEquals", [1], None) == 17044
    assert [of(db, "$allElementsTrue", one) for one in ([], [1, 0], [1, "x"])] == [True, False, True]
    assert [of(db, "$anyElementTrue", one) for one in ([], [1, 0], [0, None])] == [False, True, False]
    assert failure(db, "$allElementsTrue", 1) == 17040
    assert failure(db, "$anyElementTrue", 1) == 17041


@rules("$concat", "$strLenBytes", "$strLenCP", "$substrBytes", "$substrCP", "$toLower", "$strcasecmp", "$indexOfBytes", "$indexOfCP")
def strings(db: Db) -> None:
    assert failure(db, "$concat", "a", 1) == 16702
    assert [of(db, name, "é€") for name in ("$strLenBytes", "$strLenCP")] == [5, 2]
    assert [failure(db, name, None) for name in ("$strLenBytes", "$strLenCP")] == [34473, 34471]
    assert [of(db, "$substrBytes", "héllo", *rest) for rest in ((0, 3), (3, -1), (99, 1))] == ["hé", "llo", ""]
    assert [failure(db, "$substrBytes", "é", *rest) for rest in ((1, 1), (0, 1))] == [28656, 28657]
    assert of(db, "$substrCP", "héllo", 1, 2) == "él"
    assert of(db, "$substrCP", None, 0, 1) == of(db, "$substrBytes", MISSING, 0, 1) == ""
    assert [of(db, "$toLower", one) for one in ("ABCÉ", None, MISSING, 5)] == ["abcÉ", "", "", "5"]
    assert [of(db, "$strcasecmp", *pair) for pair in (("A", "a"), ("a", "B"), (None, "a"), ("É", "é"))] == [0, -1, -1, -1]
    assert [of(db, "$indexOfBytes", "aéb", *rest) for rest in (("b",), ("z",), ("b", 4), ("a", 0, 1), ("b", 9))] == [3, -1, -1, 0, -1]
    assert [of(db, "$indexOfCP", "aéb", *rest) for rest in (("b",), ("", 2), ("", 3), ("b", 3))] == [2, 2, -1, -1]
    assert of(db, "$indexOfCP", None, "a") is None
    assert failure(db, "$indexOfBytes", 1, "a") == 40091
    assert failure(db, "$indexOfCP", "a", 1) == 40094


@rules("$trim", "$split", "$replaceOne", "$replaceAll", "$regexMatch", "$regexFind", "$regexFindAll")
def texts(db: Db) -> None:
    assert value(db, {"$trim": {"input": "\0 \t\u2003x\u00a0\n"}}) == "x"
    assert value(db, {"$ltrim": {"input": "éaé", "chars": "é"}}) == "aé"
    assert value(db, {"$rtrim": {"input": "xyz", "chars": None}}) is None
    assert of(db, "$split", "a-b--c", "-") == ["a", "b", "", "c"]
    assert [failure(db, "$split", *pair) for pair in ((1, "a"), ("a", 1), ("a", ""))] == [40085, 10503900, 40087]
    first = {"input": "aXbX", "find": "X", "replacement": "."}
    assert [value(db, {name: first}) for name in ("$replaceOne", "$replaceAll")] == ["a.bX", "a.b."]
    assert value(db, {"$replaceAll": {**first, "find": None}}) is None
    assert [code(value, db, {"$replaceAll": {**first, name: 1}}) for name in ("input", "find", "replacement")] == [
        10503904,
        10503901,
        10503902,
    ]
    search = {"input": "aé1b2", "regex": "([a-z])([0-9])?"}
    assert value(db, {"$regexFind": search}) == {"match": "a", "idx": 0, "captures": ["a", None]}
    assert [one["idx"] for one in value(db, {"$regexFindAll": search})] == [0, 3]
    assert value(db, {"$regexFind": {"input": "x", "regex": "y"}}) is None
    assert value(db, {"$regexMatch": {"input": None, "regex": "y"}}) is False
    assert value(db, {"$regexFindAll": {"input": None, "regex": "y"}}) == []
    assert code(value, db, {"$regexMatch": {"input": 1, "regex": "y"}}) == 51104


@rules("$dateAdd", "$dateDiff", "$dateTrunc", "$dateToParts", "$dateFromParts", "$dateFromString")
def dates(db: Db) -> None:
    late = at(2024, 1, 31)
    assert value(db, {"$dateAdd": {"startDate": late, "unit": "month", "amount": 1}}) == at(2024, 2, 29)
    summer = {"startDate": at(2026, 3, 28, 12), "amount": 24, "timezone": "Europe/Berlin"}
    assert value(db, {"$dateAdd": {**summer, "unit": "hour"}}) == at(2026, 3, 29, 12)
    assert value(db, {"$dateAdd": {**summer, "unit": "day", "amount": 1}}) == at(2026, 3, 29, 11)
    year = {"startDate": at(2025, 12, 31, 23, 59), "endDate": at(2026, 1, 1)}
    assert [value(db, {"$dateDiff": {**year, "unit": unit}}) for unit in ("year", "month", "day", "hour", "minute")] == [1] * 5
    sunday = {"startDate": at(2026, 11, 7), "endDate": at(2026, 11, 8), "unit": "week"}
    assert [value(db, {"$dateDiff": one}) for one in (sunday, {**sunday, "startOfWeek": "monday"})] == [1, 0]
    assert value(db, {"$dateTrunc": {"date": MOMENT, "unit": "hour", "binSize": 5}}) == at(2026, 11, 5, 5)
    assert value(db, {"$dateTrunc": {"date": MOMENT, "unit": "week", "startOfWeek": "mon"}}) == at(2026, 11, 2)
    assert value(db, {"$dateToParts": {"date": MOMENT, "iso8601": True}})["isoWeekYear"] == 2026
    assert value(db, {"$dateFromParts": {"year": 2026, "month": 14, "day": 0}}) == at(2027, 1, 31)
    assert code(value, db, {"$dateFromParts": {"year": 10000}}) == 40523
    assert code(value, db, {"$dateFromParts": {"year": 2026, "isoWeek": 1}}) == 40489
    assert code(value, db, {"$dateFromString": {"dateString": "nonsense"}}) == 241
    assert value(db, {"$dateFromString": {"dateString": "nonsense", "onError": "bad"}}) == "bad"
    assert value(db, {"$dateFromString": {"dateString": None, "onNull": "none"}}) == "none"


@rules("$dayOfWeek", "$isoDayOfWeek", "$week", "$isoWeek", "$isoWeekYear", "$dayOfYear", "$hour", "$tsSecond", "$tsIncrement")
def parts_of_dates(db: Db) -> None:
    sunday = at(2023, 1, 1)
    names = ("$dayOfWeek", "$isoDayOfWeek", "$week", "$isoWeek", "$isoWeekYear", "$dayOfYear")
    assert [value(db, {name: sunday}) for name in names] == [1, 7, 1, 52, 2022, 1]
    assert same(value(db, {"$isoWeekYear": sunday}), Int64(2022))
    assert value(db, {"$week": at(2022, 1, 1)}) == 0
    assert value(db, {"$hour": {"date": MOMENT, "timezone": "-03:00"}}) == 4
    assert of(db, "$year", Timestamp(1_700_000_000, 1)) == of(db, "$year", ObjectId.from_datetime(at(2023, 5, 1))) == 2023
    assert failure(db, "$year", 5) == 16006
    assert [same(of(db, name, Timestamp(7, 3)), Int64(number)) for name, number in (("$tsSecond", 7), ("$tsIncrement", 3))] == [True, True]
    assert failure(db, "$tsSecond", 1) == 5687301
    assert failure(db, "$tsIncrement", 1) == 5687302


@rules("$toBool", "$toInt", "$toLong", "$toDouble", "$toDecimal", "$toString", "$toDate", "$toObjectId", "$toUUID", "$isNumber", "$type")
def conversions(db: Db) -> None:
    assert [of(db, "$toBool", one) for one in ("false", "", 0, NAN, ObjectId())] == [True, True, False, True, True]
    assert [of(db, "$toInt", one) for one in (1.9, -1.9, "5", True, Decimal128("2.9"))] == [1, -1, 5, 1, 2]
    assert [failure(db, "$toInt", one) for one in ("1.5", "0x10", 2**31, NAN, MOMENT)] == [241] * 5
    assert same(of(db, "$toLong", MOMENT), Int64(1_793_862_489_123))
    assert same(of(db, "$toDouble", at(1970, 1, 2)), 86_400_000.0)
    assert same(of(db, "$toDecimal", 0.1), Decimal128("0.100000000000000"))
    assert [of(db, "$toString", one) for one in (1.0, 1e21, 0.1, True, MOMENT)] == ["1", "1e+21", "0.1", "true", "2026-11-05T07:08:09.123Z"]
    assert failure(db, "$toString", [1]) == failure(db, "$toDate", 5) == failure(db, "$toObjectId", "5") == 241
    assert of(db, "$toDate", Int64(86_400_000)) == of(db, "$toDate", "1970-01-02") == at(1970, 1, 2)
    identifier = UUID("867dee52-c331-484e-92d1-c56479b8e67e")
    assert of(db, "$toUUID", str(identifier)) == Binary.from_uuid(identifier)
    assert [of(db, "$isNumber", one) for one in (1, Decimal128("1"), "1", None, MISSING)] == [True, True, False, False, False]
    assert [of(db, "$type", one) for one in (MISSING, None, 1, Int64(1))] == [MISSING, "null", "int", "long"]


@rules("$binarySize", "$bsonSize", "$getField", "$setField", "$unsetField", "$mergeObjects", "$let", "$literal", "$rand")
def others(db: Db) -> None:
    assert [of(db, "$binarySize", one) for one in ("é", b"abc")] == [2, 3]
    assert failure(db, "$binarySize", 1) == 51276
    assert of(db, "$bsonSize", {}) == 5
    assert failure(db, "$bsonSize", [1]) == 31393
    odd = {"a.b": 1, "$c": 2}
    assert [value(db, {"$getField": {"field": {"$literal": name}, "input": {"$literal": odd}}}) for name in odd] == [1, 2]
    assert value(db, {"$setField": {"field": "a.b", "input": {"$literal": {"a.b": 1, "z": 1}}, "value": "$$REMOVE"}}) == {"z": 1}
    assert code(value, db, {"$setField": {"field": "$x", "input": {}, "value": 1}}) == 4161108
    assert value(db, {"$unsetField": {"field": {"$literal": "$c"}, "input": {"$literal": odd}}}) == {"a.b": 1}
    assert of(db, "$mergeObjects", {"a": 1, "b": 1}, None, {"a": 2}) == {"a": 2, "b": 1}
    assert failure(db, "$mergeObjects", {"a": 1}, 1) == 40400
    assert value(db, {"$let": {"vars": {"x": 1}, "in": {"$let": {"vars": {"x": 2, "y": "$$x"}, "in": ["$$x", "$$y"]}}}}) == [2, 1]
    assert code(value, db, "$$undefined") == 17276
    assert value(db, {"$literal": {"$add": [1, 2]}}) == {"$add": [1, 2]}
    assert 0 <= value(db, {"$rand": {}}) < 1
