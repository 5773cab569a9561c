"""Usage counts of indexes, for the report of a test run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from secantus_server.catalog.view import CatalogView
from secantus_server.records import NamedTuple


class IndexUsage(NamedTuple):
    """The usage of an index since it was created or loaded from the store.

    Arguments:
        namespace: the full name of the index's collection.
        key: the key pattern. The report makes its text later, not at the end of each test.
        uses: the number of times that a plan has read the index.
        serves_otherwise: whether the index may be needed even if no plan reads it, because it is unique, is a TTL index, or stores no
            entries.
    """

    namespace: str
    name: str
    key: dict[str, Any]
    uses: int
    serves_otherwise: bool


def index_usage(catalog: CatalogView, targets: Iterable[tuple[str, str]]) -> list[IndexUsage]:
    """Return the usage of all indexes of the given collections, except the indexes on `_id`.

    Arguments:
        targets: the database and the name of each collection.
    """
    found: list[IndexUsage] = []
    for db, name in targets:
        collection = catalog.find(db, name)
        for index in () if collection is None or collection.is_view else collection.indexes:
            if not index.is_id:
                otherwise = index.unique or "expireAfterSeconds" in index.spec or not index.stores_entries
                found.append(IndexUsage(f"{db}.{name}", index.name, index.spec["key"], index.uses, otherwise))
    return found
