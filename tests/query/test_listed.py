"""Queries over documents that the server computes."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson import decode, encode
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.mql.context import ParseContext
from secantus_server.query.canonical import parse_query
from secantus_server.query.listed import ListedSource

DOCUMENTS = [{"_id": "c", "n": 1}, {"_id": "a", "n": 2}, {"_id": "b", "n": 2}]


def source(filter: dict[str, Any], **options: Any) -> ListedSource:
    return ListedSource(lambda: [encode(document) for document in DOCUMENTS], parse_query(filter, ParseContext(), **options))


@pytest.mark.parametrize(
    ("filter", "options", "expected"),
    [
        ({}, {}, [("c", 1), ("a", 2), ("b", 3)]),
        ({"n": 2}, {}, [("a", 2), ("b", 3)]),
        ({"_id": "b"}, {}, [("b", 3)]),
        ({}, {"sort": {"_id": -1}}, [("c", 1), ("b", 3), ("a", 2)]),
        ({}, {"hint": {"$natural": -1}}, [("b", 3), ("a", 2), ("c", 1)]),
    ],
)
def test_filter_and_order(filter: dict[str, Any], options: dict[str, Any], expected: list[tuple[str, int]]) -> None:
    documents = source(filter, **options).open(ReadScope())
    assert [(decode(document)["_id"], documents.record_id) for document in documents] == expected


def test_nothing_is_computed_before_it_is_read() -> None:
    def fail() -> list[bytes]:
        raise CommandError(238, "not readable")

    documents = ListedSource(fail, parse_query({}, ParseContext())).open(ReadScope())
    with pytest.raises(CommandError):
        next(documents)


def test_min_and_max_are_refused() -> None:
    with pytest.raises(CommandError) as caught:
        source({}, min={"a": 1}, hint={"a": 1})
    assert caught.value.code == 238
