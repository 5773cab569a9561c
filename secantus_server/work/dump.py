"""Dumps of a server's contents, and differences from a snapshot, for a test harness that shows what a test changed.

The dumps are read directly from the store and not by commands, so that fail points set by a test do not affect them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.definitions import KeptDefinition
from secantus_server.catalog.rows import decode_row, split_key
from secantus_server.catalog.timeseries import Bucketing, shown_options
from secantus_server.dispatch.harness import Difference, DumpedCollection, Fate
from secantus_server.dispatch.services import Services
from secantus_server.exec._prepare import id_document
from secantus_server.exec._scan import RecordScan
from secantus_server.exec._unpack import Unpacker
from secantus_server.exec.interruption import never_interrupt
from secantus_server.storage import CATALOG, RECORDS, RecoveryUnit, Snapshot
from secantus_server.work.timeseries_indexes import shown_index

#: The databases that belong to the server.
INTERNAL: Final = frozenset({"local", "config"})


def dump(services: Services, with_kept: bool = False) -> list[DumpedCollection]:
    """Return the committed contents of all user collections and views. System collections are omitted.

    Arguments:
        with_kept: whether to include collections that a restore dropped but will recreate from their definition on the next use.
    """
    found = _dump_stored(services)
    if with_kept:
        there = {(one.db, one.name) for one in found}
        for (db, name), kept in services.catalog.kept_definitions().items():
            if (db, name) not in there and is_shown(db, name):
                found.append(DumpedCollection(db, name, kept.uuid.hex(), _shown_kept(kept), kept.indexes, []))
    return found


def _shown_kept(kept: KeptDefinition) -> dict[str, Any]:
    return shown_options(kept.options) if "timeseries" in kept.options else kept.options


def _dump_stored(services: Services) -> list[DumpedCollection]:
    with services.engine.transaction() as unit:
        found = [decode_row(key, row) for key, row in unit.scan(CATALOG, b"", None)]
        rows = {(one.db, one.name): one for one in found}
        return [dump_of(unit, one, rows) for one in found if is_shown(one.db, one.name)]


def dump_of(unit: RecoveryUnit, one: Collection, rows: dict[tuple[str, str], Collection]) -> DumpedCollection:
    """Return the dump of a collection or view.

    Arguments:
        rows: all collections, keyed by database and name.
    """
    if not one.is_timeseries:
        indexes = [index.spec for index in one.indexes]
        return DumpedCollection(one.db, one.name, one.uuid.hex(), one.options, indexes, documents_of(unit, one.ident))
    below = rows.get((one.db, one.options["viewOn"]))
    buckets = [] if below is None else documents_of(unit, below.ident)
    shown = [] if below is None else [shown_index(one, index.spec) for index in below.counted_indexes]
    indexes = [spec for spec in shown if spec is not None]
    return DumpedCollection(one.db, one.name, one.uuid.hex(), shown_options(one.options), indexes, measurements(one, buckets), buckets)


def measurements(collection: Collection, buckets: list[bytes]) -> list[bytes]:
    """Return the measurements in the given buckets of a time-series collection."""
    bucketing = Bucketing.of(collection.options["timeseries"])
    unpacker = Unpacker(bucketing.time_field, bucketing.meta_field)
    return [measurement for bucket in buckets for measurement in unpacker.unpack(bucket)]


def differences(services: Services, snapshot: Snapshot) -> list[Difference]:
    """Return the differences of all collections and views from a snapshot. The caller must have exclusive access to the store."""
    written = services.engine.values_at(snapshot)
    with services.engine.transaction() as unit:
        before: dict[tuple[str, str], Collection | None] = {}
        after: dict[tuple[str, str], Collection | None] = {}
        for key, row in unit.scan(CATALOG, b"", None):
            after[split_key(key)] = decode_row(key, row)
        for key, old in written.catalog.items():
            before[split_key(key)] = None if old is None else decode_row(key, old)
        records = by_ident(written.records)
        found = []
        for namespace in sorted(before.keys() | after.keys()):
            new = after.get(namespace)
            old_collection = before.get(namespace, new)
            if is_shown(*namespace):
                found.append(difference(unit, namespace, old_collection, new, records))
                series = new if old_collection is None else old_collection
                if series is not None and series.is_timeseries:
                    place = (series.db, series.options["viewOn"])
                    below = difference(unit, place, before.get(place, after.get(place)), after.get(place), records)
                    found[-1] = of_measurements(series, found[-1], below)
    return [one for one in found if one.fate or one.added or one.changed or one.removed]


def difference(
    unit: RecoveryUnit,
    namespace: tuple[str, str],
    old: Collection | None,
    new: Collection | None,
    records: dict[int, dict[bytes, bytes | None]],
) -> Difference:
    """Return the difference between a namespace's state at a snapshot and its current state.

    Arguments:
        old, new: the collection or view at the snapshot, and the current one; None if it did not or does not exist.
        records: the records written since the snapshot, grouped by ident. Each dict maps a record's key to its value at the snapshot.
    """
    if old is not None and new is not None and old.ident == new.ident:
        written = records.get(new.ident, {})
        pairs = [(value, unit.get(RECORDS, key)) for key, value in sorted(written.items())]
        added, changed, removed = matched(pairs)
        return Difference(*namespace, "redefined" if is_redefined(old, new) else "", added, changed, removed)
    gone = [] if old is None else documents_at(unit, old.ident, records.get(old.ident, {}))
    made = [] if new is None else documents_of(unit, new.ident)
    fate: Fate = "created" if old is None else "dropped" if new is None else "replaced"
    added, changed, removed = matched([*((one, None) for one in gone), *((None, one) for one in made)])
    return Difference(*namespace, fate, added, changed, removed)


def of_measurements(collection: Collection, own: Difference, buckets: Difference) -> Difference:
    """Return the difference of a time-series collection, expressed as measurements instead of buckets.

    Arguments:
        own: the difference of the time-series collection itself.
        buckets: the difference of its buckets collection.
    """
    old = measurements(collection, [*buckets.removed, *(before for before, _ in buckets.changed)])
    new = measurements(collection, [*buckets.added, *(after for _, after in buckets.changed)])
    added, changed, removed = matched([*((one, None) for one in old), *((None, one) for one in new)])
    return Difference(own.db, own.name, own.fate, added, changed, removed)


def matched(pairs: Iterable[tuple[bytes | None, bytes | None]]) -> tuple[list[bytes], list[tuple[bytes, bytes]], list[bytes]]:
    """Match old and new documents by `_id`, and return the added, the changed and the removed documents."""
    old: dict[bytes, bytes] = {}
    new: dict[bytes, bytes] = {}
    for before, after in pairs:
        if before is not None:
            old[id_document(before)] = before
        if after is not None:
            new[id_document(after)] = after
    added = [document for key, document in new.items() if key not in old]
    changed = [(old[key], document) for key, document in new.items() if key in old and old[key] != document]
    return added, changed, [document for key, document in old.items() if key not in new]


def is_redefined(old: Collection, new: Collection) -> bool:
    """Return whether the options or the indexes of two versions of a collection differ."""
    return old.options != new.options or [index.spec for index in old.indexes] != [index.spec for index in new.indexes]


def is_shown(db: str, name: str) -> bool:
    """Return whether a namespace is a user namespace, as opposed to a system namespace."""
    return db not in INTERNAL and not name.startswith("system.")


def by_ident(records: dict[bytes, bytes | None]) -> dict[int, dict[bytes, bytes | None]]:
    """Group records by the ident of their collection."""
    found: dict[int, dict[bytes, bytes | None]] = {}
    for key, value in records.items():
        found.setdefault(int.from_bytes(key[:4], "big"), {})[key] = value
    return found


def documents_of(unit: RecoveryUnit, ident: int) -> list[bytes]:
    """Return the documents of a collection in natural order, or an empty list for a view."""
    scan = RecordScan(ident, None, never_interrupt)
    scan.attach(unit)
    try:
        return [bytes(document) for document in scan]
    finally:
        scan.close()


def documents_at(unit: RecoveryUnit, ident: int, written: dict[bytes, bytes | None]) -> list[bytes]:
    """Return a collection's documents at a snapshot. The collection may have been dropped later, but the snapshot must still be open.

    Arguments:
        written: the collection's records written since the snapshot: a dict from key to value at the snapshot.
    """
    prefix = ident.to_bytes(4, "big")
    kept: dict[bytes, bytes | None] = dict(unit.scan(RECORDS, prefix, (ident + 1).to_bytes(4, "big")))
    return [value for _, value in sorted({**kept, **written}.items()) if value is not None]
