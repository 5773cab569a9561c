"""The check that the collection of an open cursor still exists.

MongoDB closes a cursor whose collection was dropped or renamed at the next getMore, and reports the reason.
https://www.mongodb.com/docs/manual/reference/command/getMore/
"""

from __future__ import annotations

import uuid

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.errors import CommandError


def check_still_there(catalog: CatalogView, collection: Collection) -> None:
    """Check that the cursor's namespace still refers to the collection that the cursor was opened on.

    Arguments:
        catalog: the catalog as the getMore's transaction sees it.
        collection: the collection at the time when the cursor was opened.

    Raises:
        CommandError: 175 QueryPlanKilled if the collection was renamed or dropped, even if another collection now has its name.
    """
    current = catalog.find(collection.db, collection.name)
    if current is not None and current.ident == collection.ident:
        return
    identity = uuid.UUID(bytes=bytes(collection.uuid))
    moved = catalog.find_uuid(collection.db, collection.uuid)
    if moved is not None and moved.ident == collection.ident:
        raise CommandError(175, f"collection renamed from '{collection.namespace}' to '{moved.namespace}'. UUID {identity}")
    raise CommandError(175, f"collection dropped. UUID {identity}")
