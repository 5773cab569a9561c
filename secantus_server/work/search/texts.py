"""Full-text search for `$search` and `$searchMeta`.

The first search reads the terms and values of the searched fields. They are cached until the collection changes (`SearchContents`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.errors import CommandError, not_supported
from secantus_server.exec.read_scope import ReadScope
from secantus_server.mql.search.contents import Contents
from secantus_server.mql.search.mappings import Mappings
from secantus_server.mql.search.operators import parse_operator
from secantus_server.pipeline.host import SearchQuery
from secantus_server.storage.keys import pack_ident
from secantus_server.storage.tables import RECORDS
from secantus_server.work.search.definitions import SEARCH

_KEPT_AS = "contents"


def found_texts(collection: Collection | None, query: SearchQuery, scope: ReadScope, *, may_keep: bool) -> list[tuple[bytes, float]]:
    """Return the keys of the documents that a full-text search finds, with their scores, in descending order of score.

    Documents with equal scores are in natural order. As in MongoDB, the result is empty if the collection or the index does not exist.

    Arguments:
        collection: the collection, or None.
        query: the arguments of the search.
        scope: the read scope in whose transaction the search reads.
        may_keep: whether the contents may be cached for other transactions, because this transaction has no uncommitted writes.

    Raises:
        CommandError: 8 for a query that is malformed or does not fit the index, 238 for a view or an unsupported option.
    """
    if collection is None:
        return []
    if collection.is_view:
        raise not_supported("$search on a view", "search the collection below it")
    found = next((one for one in collection.search_indexes if one["name"] == query.index), None)
    if found is None:
        return []
    if found["type"] != SEARCH:
        raise CommandError(8, f"Index {query.index} is not a search index")
    node = parse_operator(query.operator, query.spec, Mappings(found["definition"]))
    contents = _contents(collection, list(node.fields()), scope, may_keep)
    scores = node.scores(contents)
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return [(contents.keys[number], score) for number, score in ranked]


def read_texts(found: list[tuple[bytes, float]], scope: ReadScope) -> Iterator[tuple[bytes, float]]:
    """Read the documents that a search has found, and return an iterator over the documents with their scores.

    All documents are read before the function returns.
    """
    documents = []
    for key, score in found:
        document = scope.unit.get(RECORDS, key)
        assert document is not None, "the keys are those of the transaction's documents"
        documents.append((document, score))
    return iter(documents)


def _contents(collection: Collection, fields: list[Any], scope: ReadScope, may_keep: bool) -> Contents:
    """Return the terms and values of the given fields, from the cache if possible."""
    serial = scope.unit.serial
    contents = collection.search_contents.find(_KEPT_AS, serial) if may_keep else None
    if contents is None:
        contents = Contents([key for key, _ in _rows(collection, scope)])
        if may_keep:
            collection.search_contents.keep(_KEPT_AS, contents, serial)
    missing = contents.missing(fields)
    if missing:
        contents.load(missing, (document for _, document in _rows(collection, scope)))
    return contents


def _rows(collection: Collection, scope: ReadScope) -> Iterator[tuple[bytes, bytes]]:
    rows = scope.unit.scan(RECORDS, pack_ident(collection.ident), pack_ident(collection.ident + 1))
    for number, row in enumerate(rows):
        if number % 256 == 0:
            scope.check()
        yield row
