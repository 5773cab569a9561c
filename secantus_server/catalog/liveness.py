"""The check that the collection of an open cursor or a running statement still exists.

If a cursor's collection was dropped or renamed, MongoDB closes the cursor at the next getMore and reports the reason. It aborts an update
or delete of many documents in the same way. https://www.mongodb.com/docs/manual/reference/command/getMore/
"""

from __future__ import annotations

import uuid

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.errors import CommandError


def check_still_there(catalog: CatalogView, collection: Collection) -> None:
    """Raise if the collection of a cursor or statement was renamed or dropped, even if another collection now has its name.

    Arguments:
        catalog: the catalog in the current transaction.
        collection: the collection at the time when the cursor was opened or the statement began.

    Raises:
        CommandError: 175 QueryPlanKilled.
    """
    current = catalog.find(collection.db, collection.name)
    if current is not None and current.ident == collection.ident:
        return
    identity = uuid.UUID(bytes=bytes(collection.uuid))
    moved = catalog.find_uuid(collection.db, collection.uuid)
    if moved is not None and moved.ident == collection.ident:
        raise CommandError(175, f"collection renamed from '{collection.namespace}' to '{moved.namespace}'. UUID {identity}")
    raise CommandError(175, f"collection dropped. UUID {identity}")
