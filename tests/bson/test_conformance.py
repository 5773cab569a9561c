"""Documents against the BSON specification."""

from __future__ import annotations

import bson
import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from secantus_server.bson.conformance import nonconformity


def document(elements: bytes) -> bytes:
    return (len(elements) + 5).to_bytes(4, "little") + elements + b"\0"


def test_a_document_of_all_types() -> None:
    value = {
        "a": [1, Int64(2), 2.5, "ä", None, True, ObjectId(), Timestamp(1, 2), MinKey(), MaxKey(), Decimal128("1"), b"x"],
        "b": {"u": Binary(b"x" * 16, 4), "r": Regex("a", "imx"), "c": Code("f()", {"a": [1]}), "d": Code("g()"), "e": DBRef("c", 1)},
    }
    pointer = b"\x0cp\0\x02\0\0\0a\0" + b"x" * 12
    assert nonconformity(bson.encode(value)) is None
    assert nonconformity(document(pointer + b"\x0ap\0")) == "there are two fields 'p'"


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        (b"\x0aa\0\x0aa\0", "there are two fields 'a'"),
        (b"\x03s\0" + document(b"\x0aa\0\x0aa\0"), "there are two fields 'a'"),
        (b"\x0fs\0\x17\0\0\0\x03\0\0\0{}\0" + document(b"\x0aa\0\x0aa\0"), "there are two fields 'a'"),
        (b"\x04s\0" + document(b"\x0a1\0"), "the items of an array are not numbered in their order"),
        (b"\x0a\xff\0", "a field name is not UTF-8"),
        (b"\x02s\0\x02\0\0\0\xff\0", "a string is not UTF-8"),
        (b"\x0ds\0\x02\0\0\0\xff\0", "a string is not UTF-8"),
        (b"\x0bs\0a\0xi\0", "the options of a regular expression are not in alphabetical order"),
        (b"\x0bs\0\xff\0i\0", "a regular expression is not UTF-8"),
        (b"\x05s\0\x02\0\0\0\x04ab", "a UUID or an MD5 sum has not 16 bytes"),
        (b"\x0fs\0\x0f\0\0\0\x02\0\0\0\xff\0" + document(b""), "code is not UTF-8"),
    ],
)
def test_reasons(elements: bytes, reason: str) -> None:
    assert nonconformity(document(elements)) == reason
