"""Exact search for nearest vectors, for `$vectorSearch`.

The first search packs the vectors of a collection. They are cached until the collection changes (`SearchContents`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.errors import CommandError, not_supported
from secantus_server.exec.read_scope import ReadScope
from secantus_server.mql.vectors._pack import BITS, COSINE, EUCLIDEAN, VectorPack
from secantus_server.mql.vectors.query import REPRESENTATION_NAMES, QueryVector
from secantus_server.pipeline.host import VectorQuery
from secantus_server.storage.keys import pack_ident
from secantus_server.storage.tables import RECORDS
from secantus_server.work.search.definitions import VECTOR_SEARCH, VectorDefinition, VectorField, parse_vectors

Scored = tuple[bytes, float]


def nearest(collection: Collection | None, query: VectorQuery, scope: ReadScope, *, may_keep: bool) -> Iterator[Scored]:
    """Return the documents whose vectors are nearest to the query vector, with their scores, in descending order of score.

    As in MongoDB, the result is empty if the collection or the index does not exist.

    Arguments:
        collection: the collection, or None.
        query: the arguments of the search.
        scope: the read scope in whose transaction the search reads.
        may_keep: whether packed vectors may be cached for other transactions, because this transaction has no uncommitted writes.

    Raises:
        CommandError: 8 for a query that does not fit the index, 238 for a view.
    """
    if collection is None:
        return iter(())
    if collection.is_view:
        raise not_supported("$vectorSearch on a view", "search the collection below it")
    found = next((one for one in collection.search_indexes if one["name"] == query.index), None)
    if found is None:
        return iter(())
    if found["type"] != VECTOR_SEARCH:
        raise CommandError(8, f"Index {query.index} is not a vectorSearch index")
    field = _field(parse_vectors(found["definition"]), query)
    pack = _pack(collection, field, scope, may_keep)
    return _documents(pack, field, query, scope, _reader(scope))


def _field(definition: VectorDefinition, query: VectorQuery) -> VectorField:
    """Return the field to search, or raise if the query does not fit the index.

    Raises:
        CommandError: 8 if the query does not fit the index.
    """
    field = definition.vectors.get(query.path)
    if field is None:
        raise CommandError(8, f"{query.path} is not indexed as vector")
    for path in query.filter_paths:
        if path not in definition.filters:
            raise CommandError(8, f"Path '{path}' needs to be indexed as filter")
    vector = query.vector
    if vector.dimensions != field.dimensions:
        raise CommandError(8, f"vector field is indexed with {field.dimensions} dimensions but queried with {vector.dimensions}")
    _check_similarity(field, vector)
    return field


def _check_similarity(field: VectorField, vector: QueryVector) -> None:
    if vector.representation == BITS and field.similarity != EUCLIDEAN:
        name = REPRESENTATION_NAMES[vector.representation]
        raise CommandError(8, f"a vector of {name} requires the similarity euclidean, but {field.path} has another one")
    if field.similarity == COSINE and vector.is_zero:
        raise CommandError(8, "Cosine similarity cannot be calculated against a zero vector.")


def _pack(collection: Collection, field: VectorField, scope: ReadScope, may_keep: bool) -> VectorPack:
    serial = scope.unit.serial
    kept = collection.search_contents.find(field, serial) if may_keep else None
    if kept is not None:
        return kept  # type: ignore[no-any-return]
    pack = VectorPack(field.path, field.dimensions, field.similarity)
    for number, (key, document) in enumerate(scope.unit.scan(RECORDS, pack_ident(collection.ident), pack_ident(collection.ident + 1))):
        if number % 256 == 0:
            scope.check()
        pack.add(key, document)
    if may_keep:
        collection.search_contents.keep(field, pack, serial)
    return pack


def _reader(scope: ReadScope) -> Callable[[bytes], bytes]:
    def read(key: bytes) -> bytes:
        document = scope.unit.get(RECORDS, key)
        assert document is not None, "the vectors are those of the transaction's documents"
        return document

    return read


def _documents(
    pack: VectorPack, field: VectorField, query: VectorQuery, scope: ReadScope, read: Callable[[bytes], bytes]
) -> Iterator[Scored]:
    rows = pack.rows(query.vector.representation)
    if query.matches is None:
        best = rows.nearest(query.vector.data, field.similarity, query.limit, scope.check)
        return iter([(read(key), score) for key, score in best])
    matching = _matching(rows.nearest(query.vector.data, field.similarity, rows.count, scope.check), query.matches, scope, read)
    return iter(list(islice(matching, query.limit)))


def _matching(ranked: list[Any], matches: Callable[[bytes], bool], scope: ReadScope, read: Callable[[bytes], bytes]) -> Iterator[Scored]:
    for number, (key, score) in enumerate(ranked):
        if number % 256 == 0:
            scope.check()
        document = read(key)
        if matches(document):
            yield document, score
