"""A collection in memory on which tests plan and run queries without a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bson.binary import Binary

from secantus_server.bson import decode, encode, key_string
from secantus_server.catalog.collection import Collection
from secantus_server.commands.aggregation.distinct import distinct_values
from secantus_server.exec._point import fetch
from secantus_server.exec._scan import RecordScan
from secantus_server.exec._write import CollectionWriter
from secantus_server.exec.read_scope import ReadScope
from secantus_server.index._index import Index
from secantus_server.index.build import make_index
from secantus_server.mql.collation import parse_collation
from secantus_server.mql.context import ParseContext
from secantus_server.mql.projection import parse_projection
from secantus_server.query.canonical import CanonicalQuery, parse_query
from secantus_server.query.distinct import DistinctPlan, plan_distinct
from secantus_server.query.find import count_documents, find_documents, plan_of
from secantus_server.query.plan import Plan
from secantus_server.query.planner import plan_query
from secantus_server.storage import Engine
from secantus_server.version import MONGODB_8_2


def never() -> None:
    """Do nothing, because tests are not interrupted."""


class MemoryCollection:
    """Documents and indexes in real storage. Every call is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with engine.transaction():
            self.indexes = [make_index({"v": 2, "key": {"_id": 1}, "name": "_id_"}, engine.new_ident())]
            self.ident = engine.new_ident()
        self.next_record_id = 1
        #: The release of MongoDB that queries follow.
        self.release = MONGODB_8_2

    @property
    def collection(self) -> Collection:
        """Return the collection in the form that the planner expects."""
        return Collection("db", "c", Binary(b"0" * 16, 4), self.ident, {}, self.indexes)

    def insert(self, document: dict[str, Any]) -> int:
        """Store a document. Return its RecordId."""
        record_id = self.next_record_id
        with self.engine.transaction() as unit:
            writer = CollectionWriter(unit, self.ident, self.indexes)
            writer.insert(encode(document), record_id)
        self._note(writer)
        self.next_record_id += 1
        return record_id

    def update(self, record_id: int, document: dict[str, Any]) -> None:
        """Replace a document."""
        with self.engine.transaction() as unit:
            old = fetch(unit, self.ident, record_id)
            assert old is not None
            writer = CollectionWriter(unit, self.ident, self.indexes)
            writer.update(old, encode(document), record_id)
        self._note(writer)

    def delete(self, record_id: int) -> None:
        """Remove a document."""
        with self.engine.transaction() as unit:
            old = fetch(unit, self.ident, record_id)
            assert old is not None
            CollectionWriter(unit, self.ident, self.indexes).delete(old, record_id)

    def add_index(self, key: dict[str, Any], **options: Any) -> Index:
        """Build an index."""
        name = "_".join(f"{path}_{direction}" for path, direction in key.items()) + f"_{len(self.indexes)}"
        stored = self.records()
        with self.engine.transaction() as unit:
            index = make_index({"v": 2, "key": key, "name": name, **options}, self.engine.new_ident())
            writer = CollectionWriter(unit, self.ident, self.indexes[:1])
            for record_id, document in stored.items():
                writer.add_to_index(index, document, record_id)
        self._note(writer)
        self.indexes.append(index)
        return index

    def _note(self, writer: CollectionWriter) -> None:
        for index in writer.became_multikey:
            index.multikey = True

    def records(self) -> dict[int, bytes]:
        """Return every document by its RecordId."""
        with self.engine.transaction() as unit:
            scope = ReadScope(unit)
            scan = scope.open(RecordScan(self.ident, None, never))
            found = {}
            for document in scan:
                found[scan.record_id] = document
            scope.close()
        return found

    def query(self, filter: dict[str, Any], *, collation: dict[str, Any] | None = None, **options: Any) -> CanonicalQuery:
        """Parse a query."""
        return parse_query(filter, ParseContext(collation=parse_collation(collation), release=self.release), **options)

    def plan(self, query: CanonicalQuery) -> Plan:
        """Return the plan of a query."""
        return plan_query(self.collection, query)

    def find(self, filter: dict[str, Any], projection: dict[str, Any] | None = None, **options: Any) -> list[dict[str, Any]]:
        """Return the documents of a find. `limit` is applied here, as a cursor does."""
        query = self.query(filter, **options)
        parsed = parse_projection(projection, query.context, match=query.match) if projection else None
        if parsed is not None and parsed.is_inclusion and parsed.required_fields is not None:
            query.required_fields = frozenset(parsed.required_fields)
        with self._scope() as scope:
            plan = plan_of(self.collection, query)
            found = [decode(document) for document in find_documents(plan, self.collection, query, parsed, scope)]
        return found[: query.limit] if query.limit else found

    def distinct(self, path: str, filter: dict[str, Any]) -> list[bytes]:
        """Return the keys of the distinct values of a path, in order."""
        query = self.query(filter, required_fields=frozenset([path]))
        with self._scope() as scope:
            plan = plan_distinct(self.collection, query, path)
            if isinstance(plan, DistinctPlan):
                return sorted({key_string(value) for value in plan.values(scope)})
            return sorted(map(key_string, distinct_values(plan.open(scope), path.split("."), None)))

    def count(self, filter: dict[str, Any], **options: Any) -> int:
        """Return the number of matches."""
        with self._scope() as scope:
            query = self.query(filter, **options)
            return count_documents(plan_of(self.collection, query), self.collection, query, scope)

    def _scope(self) -> _Scope:
        return _Scope(self.engine)


class _Scope:
    """A ReadScope that lasts for a block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> ReadScope:
        self._unit = self._engine.acquire()
        self._unit.begin()
        self._scope = ReadScope(self._unit)
        return self._scope

    def __exit__(self, *error: object) -> None:
        self._scope.close()
        self._engine.release(self._unit)


def entries(collection: MemoryCollection, index: Index) -> Iterator[tuple[bytes, bytes]]:
    """Yield the raw entries of an index, without the index's ident."""
    from secantus_server.storage import INDEX_ENTRIES

    with collection.engine.transaction() as unit:
        prefix = index.prefix
        for key, value in unit.scan(INDEX_ENTRIES, prefix, (index.ident + 1).to_bytes(4, "big")):
            yield key[4:], value
