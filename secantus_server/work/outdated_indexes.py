"""Rebuild of indexes whose entries are outdated because another version of the program wrote them. It runs when a store is opened.

Text indexes of early Secantus releases have no entries. In later releases, their entries depend on the version of the stemmers. The
entries of an index with a collation depend on the version of the sort keys.
"""

from __future__ import annotations

from secantus_server.catalog.changes import CatalogChanges
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.exec._scan import RecordScan
from secantus_server.exec._write import CollectionWriter
from secantus_server.exec.interruption import never_interrupt
from secantus_server.index.build import make_index
from secantus_server.index.errors import DuplicateKey
from secantus_server.storage import RecoveryUnit, StorageError


def build_outdated_indexes(services: Services) -> None:
    """Rebuild the outdated indexes of a store that is being opened.

    Raises:
        StorageError: if a document cannot be indexed.
    """
    catalog = services.catalog
    for db, name, index in catalog.outdated:
        with catalog.change_lock, services.engine.transaction() as unit:
            changes = CatalogChanges(unit)
            _build(services, changes, unit, db, name, index)
        catalog.apply(changes)
    catalog.outdated.clear()


def _build(services: Services, changes: CatalogChanges, unit: RecoveryUnit, db: str, name: str, index_name: str) -> None:
    collection = services.catalog.find(db, name)
    assert collection is not None, "the catalog has read the collection"
    old = collection.index_named(index_name)
    assert old is not None, "the catalog has read the index"
    new = make_index(old.spec, services.engine.new_ident())
    writer = CollectionWriter(unit, collection.ident, [index for index in collection.indexes if index.is_id])
    scan = RecordScan(collection.ident, None, never_interrupt)
    scan.attach(unit)
    try:
        for document in scan:
            writer.add_to_index(new, document, scan.record_id)
    except (CommandError, DuplicateKey) as error:
        reason = error.message if isinstance(error, CommandError) else "two documents have the same key"
        raise StorageError(
            f"The index {index_name} of the collection {db}.{name} must be built anew, but it cannot hold a document: {reason}. "
            "Drop the index with the version of the program that created it."
        ) from error
    finally:
        scan.close()
    new.multikey = bool(writer.became_multikey)
    changes.drop_index(old)
    changes.save(collection.replaced(indexes=[new if index is old else index for index in collection.indexes]))
