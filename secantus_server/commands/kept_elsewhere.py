"""What MongoDB keeps in collections and this server keeps elsewhere: to read them as if they were empty would be a wrong answer."""

from __future__ import annotations

from secantus_server.commands.services import Services
from secantus_server.errors import not_supported


def check_kept_here(services: Services, db: str, name: str) -> None:
    """Refuse to read a collection that is missing although it would hold something.

    Arguments:
        name: a collection that the catalog does not know.

    Raises:
        CommandError: 238 NotImplemented.
    """
    if name == "system.views" and any(collection.is_view for collection in services.catalog.collections(db)):
        raise not_supported(f"reading {db}.system.views", "ask listCollections for the views")
    if db == "local" and name == "oplog.rs" and services.settings.replica_set:
        raise not_supported("reading local.oplog.rs", "point the test at a MongoDB server")
