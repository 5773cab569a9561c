"""The comparison of the answers of queries with and without indexes."""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.errors import CommandError
from secantus_server.mql.collation import parse_collation
from secantus_server.mql.context import ParseContext
from secantus_server.query.canonical import parse_query
from tests.property.memory_collection import MemoryCollection


def without_order(documents: list[dict[str, Any]]) -> list[bytes]:
    return sorted(encode(dict(sorted(document.items()))) for document in documents)


def outcome(collection: MemoryCollection, *arguments: Any, **options: Any) -> Any:
    """Return the result of a find, or the code of its error."""
    try:
        return collection.find(*arguments, **options)
    except CommandError as error:
        return error.code


def is_ordered(documents: list[dict[str, Any]], sort: dict[str, Any], collation: dict[str, Any] | None = None) -> bool:
    pattern = parse_query({}, ParseContext(collation=parse_collation(collation)), sort=sort).sort
    assert pattern is not None
    keys = [pattern.key(encode(document)) for document in documents]
    return keys == sorted(keys)


def check_same_documents(
    indexed: MemoryCollection,
    plain: MemoryCollection,
    queries: list[tuple[dict[str, Any], dict[str, Any]]],
    collation: dict[str, Any] | None,
) -> None:
    """Assert that queries, each a filter and a sort, find the same documents in both collections."""
    for filter, sort in queries:
        expected = outcome(plain, filter, sort=sort, collation=collation)
        found = outcome(indexed, filter, sort=sort, collation=collation)
        if type(expected) is list and type(found) is list:
            assert without_order(found) == without_order(expected), (filter, indexed.plan(indexed.query(filter, sort=sort)))
            assert not sort or is_ordered(found, sort, collation)
        else:
            # Two arrays on the sort's paths are an error only if a sort compares them.
            assert expected in (2, 16746)


def check_same_projections(indexed: MemoryCollection, plain: MemoryCollection, filters: list[dict[str, Any]], projection: Any) -> None:
    """Assert that projections, counts and distinct values are the same in both collections."""
    for filter in filters:
        assert without_order(indexed.find(filter, projection)) == without_order(plain.find(filter, projection)), filter
        assert indexed.count(filter) == plain.count(filter), filter
        for path in ("a", "a.b", "b"):
            assert indexed.distinct(path, filter) == plain.distinct(path, filter), (filter, path)
