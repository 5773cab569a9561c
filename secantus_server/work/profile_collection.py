"""`system.profile`, the collection that the profiler writes to.

https://www.mongodb.com/docs/manual/tutorial/manage-the-database-profiler/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.errors import CommandError
from secantus_server.exec.interruption import never_interrupt
from secantus_server.reserved_names import PROFILE
from secantus_server.storage import StorageError
from secantus_server.work.collections import create_collection
from secantus_server.work.writers import open_writer

MAX_BYTES = 1024 * 1024


def make_profile_collection(services: Services, db: str) -> None:
    """Create `system.profile` if it does not exist."""
    create_collection(services, db, PROFILE, {"capped": True, "size": MAX_BYTES}, if_missing=True)


def write_profile_entry(services: Services, db: str, entry: dict[str, Any]) -> None:
    """Store a document of the profiler. Errors that are not fatal are only logged, because the profiled command has already finished."""

    def body(transaction: Transaction) -> None:
        document = encode({"_id": services.clock.object_id(), **entry})
        collection = transaction.catalog.find(db, PROFILE)
        if collection is not None and not collection.is_view:
            open_writer(services, transaction, collection, bypass_validation=True, replicated=False).insert(document)

    try:
        make_profile_collection(services, db)
        services.work.write(body, never_interrupt)
    except StorageError as error:
        if error.fatal:
            raise
        services.log.warning(f"The profiler could not write to {db}.{PROFILE}: {error.message}")
    except CommandError as error:
        services.log.warning(f"The profiler could not write to {db}.{PROFILE}: {error.message}")
