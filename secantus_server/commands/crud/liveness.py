"""Whether the collection that an open cursor reads is still there.

MongoDB ends a cursor whose collection was dropped or renamed at its next getMore, with the reason.
https://www.mongodb.com/docs/manual/reference/command/getMore/
"""

from __future__ import annotations

import uuid

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.errors import CommandError


def check_still_there(catalog: CatalogView, collection: Collection) -> None:
    """Return if the documents that a cursor began to read are still those of its namespace.

    Arguments:
        catalog: as the transaction of the getMore sees it.
        collection: as the catalog had it when the cursor was opened.

    Raises:
        CommandError: 175 QueryPlanKilled: the collection was renamed, or it was dropped; a collection that took its name since is
            another one.
    """
    current = catalog.find(collection.db, collection.name)
    if current is not None and current.ident == collection.ident:
        return
    identity = uuid.UUID(bytes=bytes(collection.uuid))
    moved = catalog.find_uuid(collection.db, collection.uuid)
    if moved is not None and moved.ident == collection.ident:
        raise CommandError(175, f"collection renamed from '{collection.namespace}' to '{moved.namespace}'. UUID {identity}")
    raise CommandError(175, f"collection dropped. UUID {identity}")
