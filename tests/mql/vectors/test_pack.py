"""Packed vectors, compared with the definitions of the similarities."""

from __future__ import annotations

import math
import random
import struct
from typing import Any

import pytest
from bson import encode
from bson.binary import Binary, BinaryVectorDtype
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.errors import CommandError
from secantus_server.exec.interruption import never_interrupt
from secantus_server.mql.vectors._pack import BITS, BYTES, COSINE, DOT_PRODUCT, EUCLIDEAN, FLOATS, VectorPack
from secantus_server.mql.vectors.query import QueryVector, parse_query_vector

SIMILARITIES = [COSINE, DOT_PRODUCT, EUCLIDEAN]


def pack(path: str, dimensions: int, similarity: int, documents: list[dict[str, Any]]) -> VectorPack:
    packed = VectorPack(path, dimensions, similarity)
    for number, document in enumerate(documents):
        packed.add(b"%d" % number, encode(document))
    return packed


def nearest(packed: VectorPack, query: Any, similarity: int, limit: int = 100) -> list[tuple[bytes, float]]:
    vector = parse_query_vector("queryVector", query)
    return packed.rows(vector.representation).nearest(vector.data, similarity, limit, never_interrupt)


def score(a: list[float], b: list[float], similarity: int) -> float:
    product = sum(x * y for x, y in zip(a, b, strict=True))
    if similarity == EUCLIDEAN:
        return 1 / (1 + math.dist(a, b))
    return (1 + (product if similarity == DOT_PRODUCT else product / math.hypot(*a) / math.hypot(*b))) / 2


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("dimensions", [1, 3, 7, 8, 31, 32, 33, 100])
def test_floats(dimensions: int, similarity: int) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    source = random.Random(seed)
    vectors = [[source.uniform(-1, 1) / dimensions for _ in range(dimensions)] for _ in range(50)]
    query = [source.uniform(-1, 1) for _ in range(dimensions)]
    found = nearest(pack("v", dimensions, similarity, [{"v": vector} for vector in vectors]), query, similarity)
    expected = sorted((score(vector, query, similarity) for vector in vectors), reverse=True)
    assert [one for _, one in found] == pytest.approx(expected, abs=1e-6)
    for key, one in found:
        assert 0 <= one <= 1 or similarity == DOT_PRODUCT
        assert one == pytest.approx(score(vectors[int(key)], query, similarity), abs=1e-6)
    assert nearest(pack("v", dimensions, similarity, [{"v": vector} for vector in vectors]), query, similarity, 5) == found[:5]


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_bytes(similarity: int) -> None:
    vectors = [[1, -2, 3], [-128, 127, 0], [4, 4, 4]]
    documents = [{"v": Binary.from_vector(vector, BinaryVectorDtype.INT8)} for vector in vectors]
    query = [1, 0, 2]
    expected = [score([float(n) for n in vector], [float(n) for n in query], similarity) for vector in vectors]
    if similarity == DOT_PRODUCT:
        expected = [0.5 + sum(x * y for x, y in zip(vector, query, strict=True)) / (3 * 2**15) for vector in vectors]
    found = dict(nearest(pack("v", 3, similarity, documents), Binary.from_vector(query, BinaryVectorDtype.INT8), similarity))
    assert [found[b"%d" % number] for number in range(3)] == pytest.approx(expected, abs=1e-6)


def test_bits() -> None:
    rows = [b"\xff\x00", b"\xfe\x01", b"\x00\xff"]
    documents = [{"v": Binary(b"\x10\x00" + row, 9)} for row in rows]
    found = nearest(pack("v", 16, EUCLIDEAN, documents), Binary(b"\x10\x00\xff\x00", 9), EUCLIDEAN)
    assert [key for key, _ in found] == [b"0", b"1", b"2"]
    assert [one for _, one in found] == pytest.approx([1.0, 1 / (1 + math.sqrt(2)), 1 / 5])
    assert pack("v", 16, COSINE, documents).rows(BITS).count == 0


def test_what_is_no_vector_of_the_index() -> None:
    documents: list[dict[str, Any]] = [
        {},
        {"v": None},
        {"v": [1.0]},
        {"v": [1.0, 2.0, 3.0]},
        {"v": [1, 2]},
        {"v": [1.0, "x"]},
        {"v": [1.0, math.nan]},
        {"v": [0.0, 0.0]},
        {"v": [[1.0, 2.0]]},
        {"v": {"x": 1.0}},
        {"v": Binary(b"\x27\x00" + struct.pack("<3f", 1, 2, 3), 9)},
        {"v": Binary(b"\x27\x00" + struct.pack("<2f", 1, math.inf), 9)},
        {"v": Binary(b"\x27\x00" + struct.pack("<2f", 1, 2), 0)},
        {"v": Binary(b"\x27", 9)},
        {"v": Binary(b"", 9)},
    ]
    packed = pack("v", 2, COSINE, documents)
    assert [packed.rows(representation).count for representation in (FLOATS, BYTES, BITS)] == [0, 0, 0]


def test_paths_through_documents() -> None:
    packed = pack("a.b", 1, EUCLIDEAN, [{"a": {"b": [1.0]}}, {"a": [{"b": [1.0]}]}, {"a": 1}, {"a": {"b": {"c": 1}}}])
    assert packed.rows(FLOATS).keys == [b"0"]


def test_equal_scores_keep_the_order_of_the_documents() -> None:
    packed = pack("v", 1, EUCLIDEAN, [{"v": [float(number % 3)]} for number in range(30)])
    assert [int(key) for key, _ in nearest(packed, [0.0], EUCLIDEAN, 12)] == [*range(0, 30, 3), 1, 4]


def test_numbers_of_all_types_in_a_query() -> None:
    found = parse_query_vector("q", [1, Int64(2), 3.5, Decimal128("4")])
    assert found == QueryVector(FLOATS, 4, struct.pack("<4f", 1, 2, 3.5, 4))
    assert parse_query_vector("q", Binary(found.data[:0] + b"\x27\x00" + found.data, 9)) == found
    assert not found.is_zero
    assert parse_query_vector("q", [0, -0.0]).is_zero
    assert parse_query_vector("q", Binary(b"\x10\x03\xf8", 9)).dimensions == 5


@pytest.mark.parametrize(
    "value",
    [
        *(None, 1, [], ["x"], [1, None], [math.nan], [math.inf], [1e300], b"", Binary(b"", 9), Binary(b"\x27\x00", 9)),
        *(Binary(b"\x99\x00aaaa", 9), Binary(b"\x27\x01aaaa", 9), Binary(b"\x27\x00aaa", 9), Binary(b"\x10\x08a", 9)),
    ],
)
def test_what_is_no_query_vector(value: Any) -> None:
    with pytest.raises(CommandError) as caught:
        parse_query_vector("queryVector", value)
    assert caught.value.code == 8
