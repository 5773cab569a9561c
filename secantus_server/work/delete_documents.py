"""Deleting documents, for the commands and for TTL indexes."""

from __future__ import annotations

from collections.abc import Callable

from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.storage import RecoveryUnit, StorageError, WriteConflict
from secantus_server.work.batches import FIRST_INTERVAL, Pace, Target, Targets
from secantus_server.work.document_writer import DocumentWriter
from secantus_server.work.writing import write_transaction


def delete_matches(services: Services, targets: Targets, check: Callable[[], None]) -> int:
    """Delete every document that a statement matches, a batch at a time; return how many.

    Raises:
        CommandError: what `check` raises, or 175; the documents before stay deleted.
    """

    def work(unit: RecoveryUnit) -> int:
        found = targets.read(unit)
        return 0 if targets.collection is None else delete_documents(services, unit, targets.collection, found, check)

    total = 0
    while True:
        deleted = write_transaction(services, check, work)
        targets.done(deleted)
        total += deleted
        if targets.at_end:
            return total


def delete_documents(
    services: Services, unit: RecoveryUnit, collection: Collection, documents: list[Target], check: Callable[[], None]
) -> int:
    """Delete documents and commit: at least the first one, the others as long as the transaction is not large.

    Arguments:
        check: raises when the operation is to end; the documents before are deleted then.

    Returns:
        how many were deleted.
    """
    writer = DocumentWriter(services, unit, collection)
    # One document, the usual number, needs no pace.
    pace, due = Pace(check) if len(documents) > 1 else None, FIRST_INTERVAL
    deleted = 0
    try:
        for record_id, document in documents:
            if pace is not None and not due:
                due = pace.look()
                if unit.is_large:
                    break
            due -= 1
            writer.delete(document, record_id)
            deleted += 1
    except (StorageError, WriteConflict):
        raise
    except CommandError:
        writer.commit()
        raise
    writer.commit()
    return deleted
