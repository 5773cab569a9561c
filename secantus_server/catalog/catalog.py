"""The catalog: which collections, views and indexes there are.

What stands in the catalog table is kept in memory too. A change writes the rows in a transaction and takes its place in
memory when that commits; a restored snapshot reloads the rows that came back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bson.binary import Binary

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.definitions import KeptDefinition, KeptDefinitions, LostIndexes
from secantus_server.catalog.rows import decode_row, encode_row, row_key, split_key
from secantus_server.clock import Clock
from secantus_server.index._index import Index
from secantus_server.index.build import make_index
from secantus_server.storage import CATALOG, INDEX_ENTRIES, RECORDS, Engine, RecoveryUnit, Restored
from secantus_server.system._threads import Lock, RLock, get_ident


@dataclass
class Change:
    """A change of the catalog while it is being made: its transaction, and what memory takes over when that commits.

    Arguments:
        unit: the recovery unit; other writes may join its transaction.
    """

    unit: RecoveryUnit
    put: list[Collection] = field(default_factory=list)
    removed: list[tuple[str, str]] = field(default_factory=list)
    dropped: list[Index] = field(default_factory=list)

    def save(self, collection: Collection) -> None:
        """Write a collection's row as it is now."""
        self.unit.put(CATALOG, row_key(collection.db, collection.name), encode_row(collection))
        self.put.append(collection)

    def remove(self, collection: Collection) -> None:
        """Remove a collection's row, and give up its documents and indexes."""
        self.remove_row(collection)
        if not collection.is_view:
            self.unit.drop_ident(RECORDS, collection.ident)
        for index in collection.indexes:
            self.drop_index(index)

    def remove_row(self, collection: Collection) -> None:
        """Remove a collection's row alone: its documents stay for another row."""
        self.unit.remove(CATALOG, row_key(collection.db, collection.name))
        self.removed.append((collection.db, collection.name))

    def drop_index(self, index: Index) -> None:
        """Give up an index's entries; once that is committed, a scan that stands in it ends in an error."""
        self.dropped.append(index)
        self.unit.drop_ident(INDEX_ENTRIES, index.ident)


class Catalog:
    """All collections of a server.

    `keeps_definitions` is whether a restore keeps the definitions of what it takes away; see `definitions.py`.

    Threads: `_lock` guards `_databases`; `changing` lets one thread at a time change the catalog and `_definitions`.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = Lock()
        self._change_lock = RLock()
        self._changer = 0
        self._databases: dict[str, dict[str, Collection]] = {}
        self._definitions = KeptDefinitions()
        self.keeps_definitions = False
        with engine.transaction() as unit:
            self._load(unit)
        engine.describe_idents(self.describe)

    def describe(self, table: int, ident: int) -> str:
        """Return the name of the collection or index that an ident stands for, for errors; empty if it is not known."""
        for db in self.databases():
            for collection in self.collections(db):
                if table == RECORDS and collection.ident == ident and not collection.is_view:
                    return f"the collection {collection.namespace}"
                for index in collection.indexes if table == INDEX_ENTRIES else ():
                    if index.ident == ident:
                        return f"the index {index.name} of the collection {collection.namespace}"
        return ""

    def _load(self, unit: RecoveryUnit) -> None:
        for key, row in unit.scan(CATALOG, b"", None):
            self._remember(decode_row(key, row))

    def _remember(self, collection: Collection) -> None:
        with self._lock:
            self._databases.setdefault(collection.db, {})[collection.name] = collection

    def _forget(self, db: str, name: str) -> None:
        with self._lock:
            collections = self._databases.get(db, {})
            collections.pop(name, None)
            if not collections:
                self._databases.pop(db, None)

    def find(self, db: str, name: str) -> Collection | None:
        """The collection or view of this namespace, or None. A view whose definition was kept is there again."""
        collections = self._databases.get(db)
        found = None if collections is None else collections.get(name)
        if found is None and self._definitions and (kept := self._definitions.of(db, name)) is not None and kept.is_view:
            return self.recall(db, name)
        return found

    def recall(self, db: str, name: str) -> Collection | None:
        """The collection or view of this namespace, or None. One whose definition was kept is made again, empty, unless this thread
        is changing the catalog."""
        collections = self._databases.get(db)
        found = None if collections is None else collections.get(name)
        if found is not None or self._definitions.of(db, name) is None or self._changer == get_ident():
            return found
        with self.changing() as change:
            found, kept = self.find(db, name), self._definitions.of(db, name)
            if found is None and kept is not None:
                found = self._made_again(db, name, kept)
                change.save(found)
        return found

    def _made_again(self, db: str, name: str, kept: KeptDefinition) -> Collection:
        new_ident = self._engine.new_ident
        ident = 0 if kept.is_view else new_ident()
        collection = Collection(db, name, kept.uuid, ident, kept.options, [make_index(spec, new_ident()) for spec in kept.indexes])
        collection.begin_record_ids()
        collection.remember_count(0, 0)
        return collection

    def forget_definitions(self, db: str) -> None:
        """Forget the definitions kept for a database, which is dropped. Call it in a change."""
        self._definitions.forget_database(db)

    def collections(self, db: str) -> list[Collection]:
        """The collections and views of a database, by name."""
        with self._lock:
            return [collection for _, collection in sorted(self._databases.get(db, {}).items())]

    def databases(self) -> list[str]:
        """The names of the databases that have a collection or view."""
        with self._lock:
            return sorted(self._databases)

    def find_uuid(self, db: str, uuid: Binary) -> Collection | None:
        """The collection of this UUID in a database, or None."""
        return next((collection for collection in self.collections(db) if collection.uuid == uuid), None)

    @contextmanager
    def changing(self, unit: RecoveryUnit | None = None) -> Iterator[Change]:
        """A change of the catalog, committed at the end of the block unless the block did so.

        Arguments:
            unit: a recovery unit whose transaction the change joins and which the caller commits; None begins one.

        Raises:
            CommandError: the calling thread's operation was killed, or its time is over, before it could begin.
        """
        with self._passage(unit), self._engine.hold(self._change_lock):
            outer, self._changer = self._changer, get_ident()
            try:
                yield from self._change(unit)
            finally:
                self._changer = outer

    def _change(self, unit: RecoveryUnit | None) -> Iterator[Change]:
        """Make one change and apply it in memory; the caller has the lock."""
        if unit is not None:
            change = Change(unit)
            yield change
        else:
            own = self._engine.acquire()
            try:
                own.begin()
                change = Change(own)
                yield change
                if own.in_transaction:
                    own.commit()
            finally:
                self._engine.release(own)
        for index in change.dropped:
            index.dropped = True
        for db, name in change.removed:
            self._forget(db, name)
            self._definitions.forget(db, name)
        for collection in change.put:
            self._remember(collection)

    @contextmanager
    def _passage(self, unit: RecoveryUnit | None) -> Iterator[None]:
        """A transaction of no use but that its thread has passed the storage's gate before it waits for the lock.

        Whoever has the lock then never waits for the gate, which may be closed by one who waits for the lock.
        """
        if unit is not None:
            yield
            return
        if self._engine.was_full:
            self._engine.make_room()
        if self._engine.is_crowded():
            self._engine.relieve()
        guard = self._engine.acquire()
        try:
            guard.begin()
            yield
        finally:
            self._engine.release(guard)

    def new_uuid(self) -> Binary:
        """An identity for a new collection."""
        identity: Binary = Binary(self._clock.uuid().bytes, 4)
        return identity

    def keep_definitions(self, restored: Restored) -> list[LostIndexes]:
        """Keep the definitions that a restored snapshot took away; call it before `reload`, while memory knows them.

        Returns the indexes taken away from collections that are still there, for the caller to build again.
        """
        if not (self.keeps_definitions and restored.touched_catalog_keys):
            return []
        lost = []
        with self._engine.transaction() as unit:
            for key in restored.touched_catalog_keys:
                place, row = split_key(key), unit.get(CATALOG, key)
                gone = self._databases.get(place[0], {}).get(place[1])
                if gone is not None and row is None:
                    self._definitions.keep(gone)
                elif gone is not None and row is not None:
                    there = decode_row(key, row)
                    specs = [index.spec for index in gone.indexes if there.index_named(index.name) is None]
                    if specs and there.ident == gone.ident:
                        lost.append(LostIndexes(*place, specs))
        return lost

    def reload(self, restored: Restored) -> None:
        """Take over what a restored snapshot changed."""
        if not restored.wrote:
            return
        with self._engine.transaction() as unit:
            self._reload_rows(unit, restored.touched_catalog_keys)
        for collections in list(self._databases.values()):
            for collection in collections.values():
                if collection.ident in restored.touched_idents:
                    collection.documents_changed(restored.more_records.get(collection.ident, 0))

    def _reload_rows(self, unit: RecoveryUnit, keys: Iterable[bytes]) -> None:
        for key in keys:
            row = unit.get(CATALOG, key)
            db, name = split_key(key)
            if row is None:
                self._forget(db, name)
                continue
            collection, before = decode_row(key, row), self.find(db, name)
            if before is not None and before.ident == collection.ident:
                collection.take_count_of(before)
            self._remember(collection)
