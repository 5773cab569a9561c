"""BSON values: encoding is lossless, and key strings sort exactly as the comparison does."""

from __future__ import annotations

import decimal
from typing import Any

import bson
import pytest
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.bson import canonical_type, compare_values, decode, encode, key_string, validate
from secantus_server.bson.values import MISSING, UNDEFINED, Date, DBPointer, JavaScript, Regex, Symbol
from secantus_server.errors import CommandError

OID = ObjectId("0123456789abcdef01234567")
ONE_OF_EACH: list[Any] = [
    1, Int64(1), 1.5, "text", "with\0nul", {"a": 1}, [1, "b"], Binary(b"x", 0), Binary(b"y", 4), UNDEFINED, OID, True, False,
    Date(-1), None, Regex("^a", "i"), DBPointer("db.c", OID), JavaScript("f()", None), JavaScript("f()", {"x": 1}), Symbol("s"),
    Timestamp(5, 6), Decimal128("1.10"), MinKey(), MaxKey(),
]  # fmt: skip

numbers = st.one_of(
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.floats(),
    st.decimals(allow_nan=False, places=None)
    .filter(lambda d: len(d.as_tuple().digits) <= 34)
    .map(lambda d: Decimal128(d) if abs(d.adjusted()) < 6000 else Decimal128("0")),
    st.sampled_from([
        Int64(2**53), Int64(2**53 + 1), float(2**53), Decimal128("9007199254740993"), Decimal128("1E+6000"), Decimal128("-1E-6000"),
        0.0, -0.0, Decimal128("Infinity"), Decimal128("-Infinity"), Decimal128("NaN"), 0.1, Decimal128("0.1"), Int64(2**63 - 1),
        float(2**63),
    ]),
)  # fmt: skip
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
dates = st.integers(-(2**63), 2**63 - 1).map(Date)
scalars = st.one_of(numbers, texts, st.sampled_from(ONE_OF_EACH), st.binary(max_size=3).map(Binary), dates)
names = texts.filter(lambda text: "\0" not in text)
values = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)), max_leaves=6
)


def sign(a: bytes, b: bytes) -> int:
    return (a > b) - (a < b)


@pytest.mark.parametrize("value", ONE_OF_EACH, ids=lambda v: f"{type(v).__name__}")
def test_round_trip(value: Any) -> None:
    data = encode({"a": value, "b": [value]})
    validate(data)
    assert decode(data) == {"a": value, "b": [value]}
    assert [type(v) for v in decode(data).values()] == [type(value), list]


@given(values)
def test_encoding_is_stable(value: Any) -> None:
    data = encode({"": value})
    assert encode(decode(data)) == data


@given(values, values)
def test_key_strings_order_as_values(a: Any, b: Any) -> None:
    assert sign(key_string(a), key_string(b)) == compare_values(a, b)


@given(numbers, numbers)
def test_numbers_compare_exactly(a: Any, b: Any) -> None:
    x, y = (v.to_decimal() if isinstance(v, Decimal128) else decimal.Decimal(v) for v in (a, b))
    expected = y.is_nan() - x.is_nan() if x.is_nan() or y.is_nan() else (x > y) - (x < y)
    assert compare_values(a, b) == expected


def test_a_key_string_begins_with_the_rank_of_its_type() -> None:
    for value in ONE_OF_EACH:
        assert key_string(value)[0] == canonical_type(value)


def test_missing_is_below_null_and_above_min_key() -> None:
    assert [compare_values(MISSING, v) for v in (None, MISSING, MinKey(), 1)] == [-1, 0, 1, -1]
    assert key_string(MinKey()) < key_string(MISSING) < key_string(None)


@given(st.lists(st.tuples(values, values), min_size=2, max_size=2))
def test_no_key_is_a_prefix_of_another(pairs: list[tuple[Any, Any]]) -> None:
    (a, _), (b, _) = pairs
    if compare_values(a, b):
        assert not key_string(a).startswith(key_string(b))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\5\0\0\0", b"\5\0\0\0\1", b"\6\0\0\0\0\0", b"\xff\xff\xff\x7f\0", b"\x0c\0\0\0\x10a\0\1\0\0\0", b"\x08\0\0\0\x22a\0\0",
        bson.encode({"a": True}).replace(b"\1\0", b"\2\0"), bson.encode({"a": 1}) + b"\0",
    ],
)  # fmt: skip
def test_bad_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CommandError) as caught:
        validate(data)
    assert caught.value.code == 22


def test_too_deep_is_refused() -> None:
    document: dict[str, Any] = {}
    for _ in range(250):
        document = {"a": document}
    with pytest.raises(CommandError) as caught:
        validate(bson.encode(document))
    assert caught.value.code == 15
    with pytest.raises(CommandError):
        encode(document)


@given(st.binary(max_size=60))
def test_random_bytes_never_crash(data: bytes) -> None:
    try:
        validate(data)
    except CommandError:
        return
    decode(data)
