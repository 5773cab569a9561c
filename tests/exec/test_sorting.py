"""Sorts: their compiled loops compared with Python's own functions, and the projection during a sort."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from random import Random
from sys import maxsize
from typing import Any

import pytest

from secantus_server.bson import decode, encode
from secantus_server.exec._rows import gather, keep_best, sort_rows
from secantus_server.exec.sorting import SortedDocuments
from secantus_server.exec.spilling import Spill
from secantus_server.mql._keys import KeyGenerator
from secantus_server.mql.context import ParseContext
from secantus_server.mql.projection import parse_projection
from secantus_server.storage.temporary import TemporaryFiles
from tests.mql.test_keys import Backwards

DOCUMENTS: list[dict[str, Any]] = [
    {"_id": 0, "a": 3, "b": "x"},
    {"_id": 1, "a": [5, 1], "b": "X"},
    {"_id": 2, "b": "y"},
    {"_id": 3, "a": {"c": 2}},
    {"_id": 4, "a": []},
    {"_id": 5, "a": None, "b": ["z", "a"]},
    {"_id": 6, "a": [{"c": 4}, {"c": 1}]},
    {"_id": 7, "a": 2.5, "b": "xyz" * 10},
    {"_id": 8, "a": 3, "b": "x\0"},
]


class Source:
    """An iterator over documents with RecordIds."""

    def __init__(self) -> None:
        self.record_id = 0
        self._left = iter(DOCUMENTS)

    def __iter__(self) -> Source:
        return self

    def __next__(self) -> bytes:
        self.record_id += 10
        return encode(next(self._left))


def random_keys(random: Random) -> list[bytes]:
    common = random.choice([b"", b"k", b"a key that is longer than eight bytes"])
    letters = random.choice([b"ab", b"\0\xff", bytes(range(256))])
    return [common + bytes(random.choices(letters, k=random.randrange(12))) for _ in range(random.choice([0, 1, 2, 3, 7, 64, 65, 300]))]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("order", [list, sorted, lambda keys: sorted(keys, reverse=True)], ids=["random", "sorted", "reversed"])
def test_rows_are_sorted_like_lists(seed: int, order: Callable[[list[bytes]], list[bytes]]) -> None:
    rows = [(key, b"", number) for number, key in enumerate(order(random_keys(Random(seed))))]
    expected = sorted(rows, key=itemgetter(0))
    sort_rows(rows)
    assert rows == expected


@pytest.mark.parametrize("row", [("text", b"", 0), (None, b"", 0)])
def test_only_bytes_are_keys(row: Any) -> None:
    rows = [(b"", b"", 0), row]
    with pytest.raises(TypeError):
        sort_rows(rows)
    assert rows == [(b"", b"", 0), row]


GENERATORS = [
    KeyGenerator([("a", 1)]),
    KeyGenerator([("a", -1), ("_id", 1)]),
    KeyGenerator([("a.c", 1)]),
    KeyGenerator([("b", 1)], Backwards()),
    KeyGenerator([("missing.too", -1), ("b", -1)]),
]


@pytest.mark.parametrize("generator", GENERATORS, ids=["one", "two", "path", "collation", "missing"])
@pytest.mark.parametrize("has_ids", [True, False], ids=["scan", "stage"])
def test_keys_of_a_pattern_are_those_of_its_function(generator: KeyGenerator, has_ids: bool) -> None:
    found = []
    for key in (generator.sort_key, lambda document: min(generator.keys(document)[0])):
        rows: list[Any] = []
        source = Source()
        assert gather(source, source if has_ids else None, key, rows, maxsize)
        best: list[bytes] = []
        top: list[Any] = []
        assert keep_best(Source(), None, key, 4, best, top, maxsize)
        found.append((rows, best, top))
    assert found[0] == found[1]
    assert [row[2] for row in found[0][0]] == [10 * number * has_ids for number in range(1, len(DOCUMENTS) + 1)]


def projected(spec: dict[str, Any], is_early: bool) -> list[Any]:
    """Return the sorted and projected documents and their RecordIds."""
    projection = parse_projection(spec, ParseContext())
    documents = SortedDocuments(Source(), KeyGenerator([("b", -1), ("a", 1)]).sort_key, 0)
    if is_early:
        assert projection.only_selects
        assert documents.project(projection.apply)
        return [(decode(document), documents.record_id) for document in documents]
    return [(decode(projection.apply(document)), documents.record_id) for document in documents]


@pytest.mark.parametrize("spec", [{"_id": 1}, {"a": 1}, {"a": 0}, {"a.c": 1, "_id": 0}, {"a.c": 0}, {"missing": 1}, {"b": {"$slice": 1}}])
def test_an_early_projection_changes_nothing(spec: dict[str, Any]) -> None:
    assert projected(spec, True) == projected(spec, False)


@pytest.mark.parametrize("spec", [{"a": "$b"}, {"n.a": {"$add": [1, "$a"]}}, {"b": {"$elemMatch": {"$eq": "a"}}}])
def test_a_projection_that_computes_is_not_early(spec: dict[str, Any]) -> None:
    assert not parse_projection(spec, ParseContext()).only_selects


@pytest.mark.parametrize(("limit", "max_bytes"), [(2, None), (0, 10**6)])
def test_sorts_with_a_limit_are_not_projected_early(limit: int, max_bytes: int | None) -> None:
    documents = SortedDocuments(Source(), KeyGenerator([("a", 1)]).sort_key, limit, max_bytes)
    assert not documents.project(lambda document: b"")
    assert len(next(documents)) > 5


def test_memory_is_counted_without_the_projection() -> None:
    def rows_of(project: Callable[[bytes], bytes] | None) -> list[Any]:
        rows: list[Any] = []
        assert not gather(Source(), None, KeyGenerator([("a", 1)]).sort_key, rows, 1000, project)
        return rows

    whole, small = rows_of(None), rows_of(lambda document: b"small")
    assert 0 < len(whole) == len(small) < len(DOCUMENTS)
    assert {row[1] for row in small} == {b"small"}


@pytest.mark.parametrize("max_bytes", [300, 900, 2000, 4000, 10**6])
@pytest.mark.parametrize("limit", [0, 5, 2500])
def test_sorts_beyond_the_memory_limit_return_the_same(tmp_path: Path, max_bytes: int, limit: int) -> None:
    key = KeyGenerator([("b", 1), ("a", -1)]).sort_key
    files = TemporaryFiles(str(tmp_path))
    spilled = SortedDocuments(Source(), key, limit, spill=Spill("sort", max_bytes, files))
    in_memory = SortedDocuments(Source(), key, limit)
    assert [(document, spilled.record_id) for document in spilled] == [(document, in_memory.record_id) for document in in_memory]
    assert spilled.finished
    assert in_memory.finished
