"""Copies the collections of a salvaged store to a new store, and creates new index entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bson.binary import Binary

from secantus_server.bson import validate
from secantus_server.catalog.changes import save_row
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.rows import decode_row, split_key
from secantus_server.clock import Clock
from secantus_server.diagnostics.plurals import counted
from secantus_server.errors import CommandError
from secantus_server.index.build import make_index
from secantus_server.oplog.oplog import COMPLETE_SINCE, NEWEST, TRIMMED, Oplog
from secantus_server.oplog.retention import saved_retention
from secantus_server.storage import CATALOG, INDEX_ENTRIES, META, RECORDS, Engine, RecoveryUnit, pack_ident
from secantus_server.storage.keys import orphan_bounds, unpack_range

#: The database for documents whose collection can no longer be determined.
_STRAYS: Final = "salvaged"
_BATCH_BYTES: Final = 4 << 20
_ID_INDEX: Final = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
_IDENT_SIZE: Final = 4


@dataclass
class Kept:
    """The result of salvaging a collection.

    Arguments:
        name: the collection's namespace.
        documents: the number of documents.
        missing: the number of documents that have entries in the index on `_id` but could not be read; the index may be damaged, too.
        invalid: the number of documents that were omitted because they were not valid BSON.
        duplicates: the number of documents that were omitted because an index refused them, for example as duplicate keys.
        trouble: a sentence that describes damage to the collection as a whole, or an empty string.
    """

    name: str
    documents: int = 0
    missing: int = 0
    invalid: int = 0
    duplicates: int = 0
    trouble: str = ""

    @property
    def is_whole(self) -> bool:
        """Return whether no data is known to be lost."""
        return not (self.missing or self.invalid or self.duplicates or self.trouble)

    def described(self) -> str:
        """Return this result as a line of the report."""
        parts = [f"{counted(self.documents, 'document')} kept"]
        parts += [f"{self.missing} unreadable"] if self.missing else []
        parts += [f"{self.invalid} with invalid BSON left out"] if self.invalid else []
        parts += [f"{self.duplicates} with duplicate or invalid keys left out"] if self.duplicates else []
        parts += [self.trouble] if self.trouble else []
        return ", ".join(parts)


def copy_data(source: Engine, target: Engine) -> Iterator[Kept]:
    """Copy the collections of a store to an empty store, and yield the result of each collection."""
    clock = Clock()
    _copy_state(source, target, clock)
    known = set()
    with source.transaction() as unit:
        rows = list(unit.scan(CATALOG, b"", None))
    for key, row in rows:
        try:
            collection = decode_row(key, row)
        except (CommandError, KeyError, ValueError, TypeError):
            yield Kept(".".join(split_key(key)), trouble="its description cannot be read; its documents are in the database " + _STRAYS)
            continue
        known.add(collection.ident)
        yield _Copy(source, target, collection).run()
    for ident in _stray_idents(source, known):
        index = make_index(_ID_INDEX, 0)
        stray = Collection(_STRAYS, f"collection_{ident}", Binary(clock.uuid_bytes(), 4), ident, {}, [index])
        kept = _Copy(source, target, stray).run()
        kept.trouble = "the collection's name and indexes are not known"
        yield kept


def _copy_state(source: Engine, target: Engine, clock: Clock) -> None:
    """Set the new oplog's time to the old oplog's time. Do not copy the entries, because the old oplog may be incomplete."""
    newest = Oplog(source, clock, enabled=True).newest_stamp.to_bytes(8, "big")
    with source.transaction() as unit:
        retention = saved_retention(unit)
    with target.transaction() as unit:
        unit.put(META, NEWEST, newest)
        unit.put(META, COMPLETE_SINCE, newest)
        unit.put(META, TRIMMED, b"")
        if retention is not None:
            retention.save(unit)


def _stray_idents(source: Engine, known: set[int]) -> list[int]:
    """Return the idents (storage ids) under which documents of unknown collections are stored. Exclude idents of dropped collections."""
    found = []
    with source.transaction() as unit:
        dropped = [unpack_range(key) for key, _value in unit.scan(META, *orphan_bounds())]
        ident = 0
        while (entry := next(iter(unit.scan(RECORDS, pack_ident(ident), None)), None)) is not None:
            ident = int.from_bytes(entry[0][:_IDENT_SIZE], "big")
            if ident not in known and not any(one.table == RECORDS and one.low <= ident < one.high for one in dropped):
                found.append(ident)
            ident += 1
    return found


class _Copy:
    """Copies one collection from a source store to a target store."""

    def __init__(self, source: Engine, target: Engine, collection: Collection) -> None:
        self._source = source
        self._target = target
        self._old = collection
        self._kept = Kept(collection.namespace)
        with target.transaction():
            new_ident = target.new_ident
            ident = 0 if collection.is_view else new_ident()
            indexes = [make_index(index.spec, new_ident() if index.stores_entries else 0) for index in collection.indexes]
        old = collection
        self._new = Collection(old.db, old.name, old.uuid, ident, old.options, indexes, old.search_indexes)

    def run(self) -> Kept:
        """Copy the documents, write the catalog row of the collection, and return the result."""
        if not self._old.is_view:
            self._copy_documents()
            self._count_missing()
        with self._target.transaction() as unit:
            save_row(unit, self._new)
        return self._kept

    def _copy_documents(self) -> None:
        old, new = self._old.ident, pack_ident(self._new.ident)
        batch: list[tuple[bytes, bytes]] = []
        size = 0
        with self._source.transaction() as unit:
            for key, document in unit.scan(RECORDS, pack_ident(old), pack_ident(old + 1)):
                batch.append((key[_IDENT_SIZE:], document))
                size += len(document)
                if size >= _BATCH_BYTES:
                    self._write(new, batch)
                    batch, size = [], 0
        self._write(new, batch)

    def _write(self, prefix: bytes, batch: list[tuple[bytes, bytes]]) -> None:
        with self._target.transaction() as unit:
            for record_id, document in batch:
                try:
                    validate(document)
                except CommandError:
                    self._kept.invalid += 1
                    continue
                if self._add_entries(unit, document, int.from_bytes(record_id, "big", signed=True)):
                    unit.put(RECORDS, prefix + record_id, document)
                    self._kept.documents += 1
                else:
                    self._kept.duplicates += 1

    def _add_entries(self, unit: RecoveryUnit, document: bytes, record_id: int) -> bool:
        """Add a document to all indexes. If an index refuses the document, add it to no index and return False."""
        added: list[bytes] = []
        multikey = []
        for index in self._new.indexes:
            if not index.stores_entries:
                continue
            try:
                entries, is_multikey = index.entries(document, record_id)
            except CommandError:
                # An index refuses the document, so it cannot have been written in this form.
                return self._take_back(unit, added)
            multikey += [index] if is_multikey else []
            for key, value in entries:
                if not unit.insert(INDEX_ENTRIES, key, value):
                    return self._take_back(unit, added)
                added.append(key)
        for index in multikey:
            index.multikey = True
        return True

    def _take_back(self, unit: RecoveryUnit, added: list[bytes]) -> bool:
        for key in added:
            unit.remove(INDEX_ENTRIES, key)
        return False

    def _count_missing(self) -> None:
        """Set `missing` to the number of entries in the old index on `_id` that exceed the number of documents found."""
        for index in self._old.indexes:
            if index.is_id and index.stores_entries:
                with self._source.transaction() as unit:
                    entries = sum(1 for _entry in unit.scan(INDEX_ENTRIES, pack_ident(index.ident), pack_ident(index.ident + 1)))
                found = self._kept.documents + self._kept.invalid + self._kept.duplicates
                self._kept.missing = max(0, entries - found)
