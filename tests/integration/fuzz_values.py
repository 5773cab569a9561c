"""Random values, paths and documents for the command fuzzer: values of every type, including error-prone ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson.values import UNDEFINED, Date, DBPointer, JavaScript, Regex, Symbol

INTEGERS: list[Any] = [
    0, 1, 2, 3, 5, 7, 10, 100, -1, -2, 255, 2**31 - 1, -(2**31), Int64(0), Int64(1), Int64(4), Int64(-3), Int64(2**31), Int64(2**53 + 1),
    Int64(2**63 - 1), Int64(-(2**63)),
]  # fmt: skip
REALS: list[Any] = [
    0.0, -0.0, 0.5, 1.0, 2.0, 2.5, -1.5, 3.999, 1e10, 1e300, -1e300, 5e-324, 2.0**63, -(2.0**63), 2.0**31, float("nan"), float("inf"),
    float("-inf"),
    Decimal128("0"), Decimal128("-0"), Decimal128("1"), Decimal128("1.0"), Decimal128("2.5"), Decimal128("1E+6144"), Decimal128("1E-6176"),
    Decimal128("9.999999999999999999999999999999999E+6144"), Decimal128("NaN"), Decimal128("-NaN"), Decimal128("Infinity"),
    Decimal128("-Infinity"), Decimal128("9223372036854775808"), Decimal128("0.1"), Decimal128("0E-6176"), Decimal128("3"),
]  # fmt: skip
STRINGS = [
    "", "a", "A", "ab", "abc", "b", "a b", "a.b", "$", "$$", "a\0b", "\u00e9", "e\u0301", "\U0001f600x", "\u0130", "\ufffd", "0", "10",
    "-1.5", "1e3", "NaN", "inf", "true",
    "2020-02-29T12:34:56.789Z", "2019-12-31", "Europe/Berlin", "+02:30", "UTC", "%Y-%m-%d", "%G-%V-%u %j %%", "5f0000000000000000000000",
    "x" * 300, "day", "month", "year",
    "0x10", "00000000-0000-4000-8000-000000000000", "..", "a..b", ".a", "a.", "a.0", "monday", "base64", "hex", "YWI=", "ss\u00df",
    "AB\udce9D", "\udcff", "\udcc3\udca9",
]  # fmt: skip
DATES: list[Any] = [
    Date(0), Date(1), Date(-1), Date(1582934400000), Date(1577836799999), Date(1609459200000), Date(253402300799999), Date(-62135596800001),
    Date(2**63 - 1), Date(-(2**63)), Date(951782400000),
]  # fmt: skip
OTHERS: list[Any] = [
    None, None, True, False, ObjectId(b"\0" * 12), ObjectId(b"5f5f5f5f5f5f"), Timestamp(0, 0), Timestamp(0, 1),
    Timestamp(2**32 - 1, 2**32 - 1), Timestamp(1600000000, 5),
    MinKey(), MaxKey(), Regex("^a", ""), Regex("a.b|[a-z]+", "imsx"), Regex("(", ""), Regex("(a+)+$", ""), Regex("", ""),
        Regex("\\pL", "u"), Regex("^ab", ""),
    JavaScript("x", None), JavaScript("return 1", {}), JavaScript("x", {"a": 1}), Binary(b"", 0), Binary(b"ab", 0), Binary(b"0" * 16, 4),
        Binary(b"0" * 16, 3),
    Binary(b"\xff\x00\x80", 5), Binary(b"a", 128), Binary(b"\x03\x00ab", 9), UNDEFINED, Symbol("s"), DBPointer("a.b", ObjectId(b"\0" * 12)),
]  # fmt: skip
POINTS: list[Any] = [
    {"type": "Point", "coordinates": [0, 0]}, {"type": "Point", "coordinates": [13.4, 52.5]}, {"type": "Point", "coordinates": [180, -90]},
    [1, 2], {"x": 3, "y": 4},
    {"type": "Point", "coordinates": [200, 0]}, {"type": "Point"}, {"type": "Point", "coordinates": [1]},
    {"type": "Point", "coordinates": ["a", 1]},
]  # fmt: skip
SHAPES: list[Any] = [
    {"type": "LineString", "coordinates": [[0, 0], [1, 1], [20, 40]]},
    {"type": "Polygon", "coordinates": [[[0, 0], [0, 60], [60, 60], [60, 0], [0, 0]]]},
    {"type": "MultiPoint", "coordinates": [[0, 0], [13.4, 52.5]]},
    {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [0, 0]}]},
    {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]},
    {"type": "MultiPolygon", "coordinates": [[[[0, 0], [0, 3], [3, 3], [0, 0]]]]},
    {"type": "Polygon", "coordinates": []}, {"type": "GeometryCollection", "geometries": []},
    {"type": "LineString", "coordinates": [[0, 0]]},
    {"type": "MultiLineString", "coordinates": [[[0, 0], [1, 1]]]}, {"type": 7, "coordinates": 1},
]  # fmt: skip
# A document has one field of each kind, so that an operator often finds values that it can process.
PATHS = ["n", "s", "d", "a", "o", "x", "g", "m", "_id"]
DEEP_PATHS = ["o.n", "o.o.s", "a.0", "a.n", "m.n", "m.s", "m.a", "o.a.1", "x.n", "a.0.n", "m.0.n", "x.0", "none", "none.n", "n.n"]
BAD_PATHS = ["", ".", "a..b", "a.", ".a", "$", "$a", "a.$", "a.$[]", "a.$[e]", "a.$b", "o.$n", "$**", "a.\0b", "x" * 200,
    ".".join("a" * 210), "a.-1", "a.00", "a.99999999999", "_id.n"]  # fmt: skip


class Chance(random.Random):
    """A random generator that can also make BSON values.

    `dirt` is the share of a document's fields whose values are of an unusual kind. `malice` is the share of invalid arguments; with many
    of them, commands fail early and the server's later parts are hardly tested.
    """

    dirt = 0.1
    malice = 0.04

    def often(self, share: float) -> bool:
        """Return True with the given probability."""
        return self.random() < share

    def pick(self, *makers: Callable[[], Any]) -> Any:
        """Call one of the functions, and return its result."""
        return self.choice(makers)()

    def some(self, maker: Callable[[], Any], most: int = 3, least: int = 0) -> list[Any]:
        """Return a list of results of a function."""
        return [maker() for _ in range(self.randint(least, most))]

    def number(self) -> Any:
        """Return a number of any type."""
        if self.often(0.5):
            return self.randint(-3, 12)
        return self.choice(INTEGERS if self.often(0.5) else REALS)

    def small(self) -> int:
        """Return a number that is valid as a count."""
        return self.randint(1, 4)

    def scalar(self) -> Any:
        """Return a value that is neither a document nor an array."""
        return self.choice(self.choice([INTEGERS, REALS, STRINGS, DATES, OTHERS]))

    def value(self, depth: int = 2) -> Any:
        """Return any value."""
        if depth == 0 or self.often(0.6):
            return self.scalar()
        if self.often(0.03):
            return self.nested()
        if self.often(0.15):
            return self.choice(POINTS + SHAPES)
        if self.often(0.5):
            return self.some(lambda: self.value(depth - 1))
        return self.object(depth - 1)

    def object(self, depth: int = 1) -> dict[str, Any]:
        """Return a document."""
        return {
            self.choice(["n", "s", "a", "o", "0", "x", "", "$n", "a.b", "_id", "k", "v"]): self.value(depth)
            for _ in range(self.randint(0, 3))
        }

    def nested(self) -> Any:
        """Return a deeply nested value."""
        value: Any = 1
        for _ in range(self.choice([20, 90, 120])):
            value = [value] if self.often(0.5) else {"o": value}
        return value

    def path(self) -> str:
        """Return a path, which is sometimes invalid."""
        if self.often(self.malice):
            return self.choice(BAD_PATHS)
        return self.choice(PATHS if self.often(0.65) else DEEP_PATHS)

    def good_path(self) -> str:
        """Return a valid path."""
        return self.choice(PATHS if self.often(0.65) else DEEP_PATHS)

    def of_kind(self, kind: str) -> Any:
        """Return a value of one kind, which is the kind of the field with that name in the documents."""
        makers: dict[str, Callable[[], Any]] = {
            "n": self.number,
            "s": lambda: self.choice(STRINGS),
            "d": lambda: self.choice(DATES),
            "a": lambda: self.some(self.number if self.often(0.6) else lambda: self.value(1)),
            "o": lambda: {"n": self.number(), "o": {"s": self.choice(STRINGS)}, "a": self.some(self.number)},
            "m": lambda: self.some(lambda: {"n": self.number(), "s": self.choice(STRINGS), "a": self.some(self.scalar)}),
            "g": lambda: self.choice(POINTS[:5] if self.often(0.8) else SHAPES[:4]),
            "x": lambda: self.value(2),
        }
        return makers[kind]()

    def document(self) -> dict[str, Any]:
        """Return a document to store, without its `_id`."""
        kinds = [kind for kind in "nsdaomgx" if self.often(0.75)]
        return {kind: self.of_kind("x" if self.often(self.dirt) else kind) for kind in kinds}

    def spoilt(self, value: Any) -> Any:
        """Return the value, or sometimes another value of any type."""
        return self.value(1) if self.often(self.malice) else value

    def broken(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return a document of named arguments. Sometimes one argument is removed, added or replaced by another value."""
        if not self.often(3 * self.malice):
            return fields
        fields = dict(fields)
        name = self.choice(list(fields)) if fields else "x"
        how = self.randrange(3)
        if how == 0:
            fields.pop(name, None)
        elif how == 1:
            fields[self.choice(STRINGS[:12]) or "unknown"] = self.value(1)
        else:
            fields[name] = self.value(1)
        return fields
