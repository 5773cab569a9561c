"""The keys of documents, as indexes store them and sorts compare them, mainly with arrays on the paths."""

from __future__ import annotations

from typing import Any

import pytest
from bson.int64 import Int64

from secantus_server.bson import encode, key_string
from secantus_server.bson.values import UNDEFINED
from secantus_server.errors import CommandError
from secantus_server.mql._keys import KeyGenerator

A = [("a", 1)]
AB = [("a", 1), ("b", 1)]


def key(*values: Any) -> bytes:
    """Return the key of these values; an array stands for the key of an empty array."""
    return b"".join(map(key_string, values))


def keys(pattern: list[tuple[str, int]], document: dict[str, Any]) -> tuple[list[bytes], bool, bool]:
    return KeyGenerator(pattern).keys(encode(document))


@pytest.mark.parametrize(
    ("pattern", "document", "expected"),
    [
        (A, {"a": 1}, [(1,)]),
        (A, {"a": None}, [(None,)]),
        (A, {}, [(None,)]),
        (A, {"a": {"x": [1]}}, [({"x": [1]},)]),
        (A, {"a": [1, 2, 1]}, [(1,), (2,)]),
        (A, {"a": [[1, 2], 3]}, [([1, 2],), (3,)]),
        (A, {"a": []}, [(UNDEFINED,)]),
        (A, {"a": [[]]}, [([],)]),
        (A, {"a": [None, 1]}, [(None,), (1,)]),
        (AB, {"a": 1, "b": [2, 3]}, [(1, 2), (1, 3)]),
        (AB, {"a": [1, 2]}, [(1, None), (2, None)]),
        ([("a.b", 1)], {"a": {"b": 5}}, [(5,)]),
        ([("a.b", 1)], {"a": 5}, [(None,)]),
        ([("a.b", 1)], {"a": [{"b": 1}, {"b": 2}]}, [(1,), (2,)]),
        ([("a.b", 1)], {"a": [{"b": [1, 2]}, {"b": 3}]}, [(1,), (2,), (3,)]),
        ([("a.b", 1)], {"a": [{"b": 1}, {}]}, [(1,), (None,)]),
        ([("a.b", 1)], {"a": [{"b": 1}, 7]}, [(1,), (None,)]),
        ([("a.b", 1)], {"a": []}, [(None,)]),
        ([("a.b", 1)], {"a": {"b": []}}, [(UNDEFINED,)]),
        ([("a.b", 1)], {"a": [[{"b": 1}]]}, [(None,)]),
        ([("a.b", 1), ("a.c", 1)], {"a": [{"b": 1, "c": 2}, {"b": 3}]}, [(1, 2), (3, None)]),
        ([("a.b", 1), ("a.c", 1)], {"a": [{"b": [1, 2], "c": 3}]}, [(1, 3), (2, 3)]),
        ([("a.b", 1), ("d", 1)], {"a": [{"b": 1}, {"b": 2}], "d": 9}, [(1, 9), (2, 9)]),
        ([("a", 1), ("a.b", 1)], {"a": [{"b": 1}, 5]}, [({"b": 1}, 1), (5, None)]),
        ([("a.0", 1)], {"a": [7, 8]}, [(7,)]),
        ([("a.1.b", 1)], {"a": [{"b": 1}, {"b": 2}]}, [(2,)]),
        ([("a.2", 1)], {"a": [7, 8]}, [(None,)]),
        ([("a.0", 1)], {"a": {"0": 3}}, [(3,)]),
        ([("a.00", 1)], {"a": [7]}, [(None,)]),
    ],
)
def test_keys(pattern: list[tuple[str, int]], document: dict[str, Any], expected: list[tuple[Any, ...]]) -> None:
    assert keys(pattern, document)[0] == [key(*values) for values in expected]


@pytest.mark.parametrize(
    ("pattern", "document", "multikey", "all_absent"),
    [
        (A, {"a": 1}, False, False),
        (A, {}, False, True),
        (A, {"a": None}, False, False),
        (A, {"a": [1]}, True, False),
        (A, {"a": []}, True, False),
        (AB, {"b": 1}, False, False),
        (AB, {"c": 1}, False, True),
        ([("a.b", 1)], {"a": [{}]}, True, True),
        ([("a.0", 1)], {"a": [1, 2]}, False, False),
    ],
)
def test_what_an_index_is_told(pattern: list[tuple[str, int]], document: dict[str, Any], multikey: bool, all_absent: bool) -> None:
    assert keys(pattern, document)[1:] == (multikey, all_absent)


@pytest.mark.parametrize(
    ("pattern", "document", "names"),
    [
        (AB, {"a": [1], "b": [2]}, "[b] [a]"),
        (AB, {"a": [], "b": [2]}, "[b] [a]"),
        ([("a.b", 1), ("a.c", 1)], {"a": {"b": [1], "c": [2]}}, "[c] [b]"),
        ([("a.b", 1), ("a.c", 1)], {"a": [{"b": [1], "c": [2]}]}, "[c] [b]"),
    ],
)
def test_parallel_arrays(pattern: list[tuple[str, int]], document: dict[str, Any], names: str) -> None:
    generator, data = KeyGenerator(pattern), encode(document)
    with pytest.raises(CommandError) as caught:
        generator.keys(data)
    assert (caught.value.code, caught.value.message) == (171, f"cannot index parallel arrays {names}")
    with pytest.raises(CommandError) as caught:
        generator.sort_key(data)
    assert (caught.value.code, caught.value.message) == (2, "cannot sort with keys that are parallel arrays")


def test_equal_numbers_have_equal_keys() -> None:
    assert keys(A, {"a": 1})[0] == keys(A, {"a": 1.0})[0] == keys(A, {"a": Int64(1)})[0]
    assert keys(A, {"a": [1, 1.0, Int64(1)]})[0] == [key(1)]


@pytest.mark.parametrize("direction", [1, -1])
def test_a_direction_turns_the_order_around(direction: int) -> None:
    generator = KeyGenerator([("a", direction), ("b", 1)])
    documents = [{"a": a, "b": b} for a in (None, 1, 2.5, "", "a", "ab") for b in (1, 2)]
    order = sorted(documents, key=lambda document: generator.sort_key(encode(document)))
    outer = documents if direction == 1 else [one for pair in reversed(range(6)) for one in documents[2 * pair : 2 * pair + 2]]
    assert order == outer


def test_a_sort_takes_an_arrays_least_value_or_its_greatest() -> None:
    data = encode({"a": [5, 1, 9]})
    assert KeyGenerator([("a", 1)]).sort_key(data) == KeyGenerator([("a", 1)]).sort_key(encode({"a": 1}))
    assert KeyGenerator([("a", -1)]).sort_key(data) == KeyGenerator([("a", -1)]).sort_key(encode({"a": 9}))


class Backwards:
    """A collation that compares reversed texts."""

    def sort_key(self, text: str) -> bytes:
        return text[::-1].encode()


def test_a_collation_orders_texts() -> None:
    generator = KeyGenerator(A, Backwards())
    texts = ["az", "ba", "cb"]
    assert sorted(texts, key=lambda text: generator.sort_key(encode({"a": text}))) == ["ba", "cb", "az"]
    assert generator.keys(encode({"a": 1}))[0] == [key(1)]
