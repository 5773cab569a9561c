"""Resume tokens: MongoDB's bytes, the same order as the events, and the refusal of invalid tokens."""

from __future__ import annotations

import random
from typing import Any

import pytest
from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson import compare_values
from secantus_server.bson.values import UNDEFINED, Date, JavaScript, Regex, Symbol
from secantus_server.errors import CommandError
from secantus_server.oplog.resume_tokens import Token, event_identity, high_water_mark, number, parse_token, value

UUID = bytes.fromhex("5DC4B11BEA5F4319A8E7CAF46816ED71")
OID = ObjectId("647e2f8da1b2c3d4e5f60708")


# The number of digits before the identity of the event, which begins with the UUID's value.
WITHOUT_IDENTITY = 34


def token(stamp: int = 0x642AD66B00000001, **changes: Any) -> Token:
    return Token(stamp, True, 0, False, event_identity(UUID, "insert", "documentKey", {"_id": OID}))._replace(**changes)


def test_the_bytes_of_a_high_water_mark() -> None:
    assert high_water_mark(0x6539B6A000000001) == "826539B6A0000000012B0429296E1404"


def test_the_bytes_of_an_event() -> None:
    assert token().text() == (
        "82642AD66B000000012B042C0100296E5A10045DC4B11BEA5F4319A8E7CAF46816ED71463C6F7065726174696F6E54797065003C696E736572740046646F63756D65"
        "6E744B65790046645F69640064647E2F8DA1B2C3D4E5F60708000004"
    )


def test_a_token_comes_back() -> None:
    for one in (token(), token(txn_index=70000, from_invalidate=True), token(rest=event_identity(None, "dropDatabase", "", None))):
        assert parse_token(one.text()) == one


def test_the_order_of_tokens_is_that_of_the_events() -> None:
    ordered = [
        high_water_mark(5), token(5).text(), token(5, from_invalidate=True).text(), token(5, txn_index=1).text(),
        token(5, txn_index=2).text(),
        token(5, txn_index=127).text(), token(5, txn_index=128).text(), token(5, txn_index=99_999).text(),
        high_water_mark(6), token(6).text(),
        high_water_mark(1 << 32), token((1 << 32) + 7).text(),
    ]  # fmt: skip
    assert ordered == sorted(ordered)


VALUES: list[Any] = [
    MinKey(), UNDEFINED, None, float("nan"), float("-inf"), -(2.0**80), Int64(-(2**62)), -70000, -300.5, -300, -1.5, -1, -0.25, 0, 0.25, 1,
    1.5,
    Decimal128("1.75"), 127, 128, 300.5, Int64(2**40), 2.0**80, float("inf"), "", "\0", "a", "a\0", "ab", Symbol("b"), {}, {"a": 1},
    {"a": "x"},
    [], [1], [1, 2], Binary(b"", 0), Binary(b"ab", 0), Binary(b"x" * 300, 0), OID, False, True, Date(-5), Date(5), Timestamp(1, 2),
    Timestamp(2, 1),
    Regex("a", ""), Regex("a", "i"), JavaScript("x", None), JavaScript("x", {"a": 1}), MaxKey(),
]  # fmt: skip


def test_values_of_every_type_are_told_apart() -> None:
    keys = [value(one) for one in VALUES]
    assert len(set(keys)) == len(VALUES)


def test_numbers_are_in_order() -> None:
    numbers = [one for one in VALUES if type(one) in (int, float, Int64) and one == one]
    keys = [value(one) for one in numbers]
    assert keys == sorted(keys)
    seed = random.randrange(10**9)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(2000):
        one, other = (
            rng.choice((rng.uniform(-1e3, 1e3), Int64(rng.randrange(-(2**63), 2**63)), rng.randrange(-500, 500))) for _ in range(2)
        )
        order = compare_values(one, other)
        assert ((value(one) > value(other)) - (value(one) < value(other))) == order, (one, other)


def test_equal_numbers_have_equal_keys() -> None:
    assert number(3) == value(3.0) == value(Int64(3)) == value(Decimal128("3"))


@pytest.mark.parametrize("length", range(2, 186, 2))
def test_a_token_cut_short(length: int) -> None:
    whole = token().text()
    with pytest.raises(CommandError) as caught:
        parse_token(whole[:length])
    assert caught.value.code == (50811 if length <= WITHOUT_IDENTITY else 15)


@pytest.mark.parametrize("data", ["04", "2B04", "82" + "00" * 8, "826539B6A0000000013C0429296E1404", "826539B6A0000000012B0429296E14"])
def test_what_is_no_token(data: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_token(data)
    assert caught.value.code == 50811
