"""A reader of the first documents of a query, in an order that ends with `_id`, which avoids sorting all matches by `_id`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection

from secantus_console.keyset import Filter, Order


class OrderedReader:
    """Runs a query and returns its first documents in a given order.

    Arguments:
        collection: the collection, configured to return raw documents.
        query: the filter.
        order: the order.
        time_limit_ms: the time limit of each command.
    """

    def __init__(self, collection: Collection[RawBSONDocument], query: Filter, order: Order, time_limit_ms: int) -> None:
        self._collection = collection
        self._query = query
        self._order = order
        self._time_limit_ms = time_limit_ms
        self._is_indexed: bool | None = None

    def read(self, condition: Filter | None, most: int) -> list[RawBSONDocument]:
        """Return the first `most` documents of the query that also satisfy a condition."""
        query = self._both(condition)
        if not self._order.prefix:
            return self._by_id(query, most) if self._query else self._find(query, self._order.sort, most)
        if self._has_index():
            return self._by_groups(query, most)
        return self._find(query, self._order.sort, most)

    def _both(self, condition: Filter | None) -> Filter:
        if condition is None:
            return self._query
        return {"$and": [self._query, condition]} if self._query else condition

    def _find(self, query: Filter, sort: Mapping[str, Any], most: int) -> list[RawBSONDocument]:
        return list(self._collection.find(query, sort=list(sort.items()) or None, limit=most, max_time_ms=self._time_limit_ms))

    def _by_id(self, query: Filter, most: int) -> list[RawBSONDocument]:
        """Return the first matches in the order. If all matches fit on the page, sort them here instead of on the server."""
        found = self._find(query, {}, most)
        return self._order.sorted(found) if len(found) < most else self._find(query, self._order.sort, most)

    def _has_index(self) -> bool:
        """Return whether an index starts with the order's fields (without `_id`), so that no sort is necessary."""
        if self._is_indexed is None:
            wanted = list(self._order.prefix.items())
            turned = [(path, -way) for path, way in wanted]
            # The keys in a raw document are raw documents, too.
            keys = [[(path, way) for path, way in index["key"].items()][: len(wanted)] for index in self._collection.list_indexes()]
            self._is_indexed = wanted in keys or turned in keys
        return self._is_indexed

    def _by_groups(self, query: Filter, most: int) -> list[RawBSONDocument]:
        """Return the first documents in the order, by reading them in sort order and then sorting documents with equal sort keys by
        `_id`.

        Only the last group of documents with equal sort keys, which may be incomplete, is read again.
        """
        order = self._order
        found = self._find(query, order.prefix, most)
        if len(found) < most:
            return order.sorted(found)
        last = order.prefix_key(found[-1])
        whole = order.sorted([document for document in found if order.prefix_key(document) != last])
        ties = {"$and": [query, order.tie_filter(found[-1])]}
        missing = limit = most - len(whole)
        while True:
            again = self._find(ties, order.sort, limit)
            equal = [document for document in again if order.prefix_key(document) == last]
            if len(equal) >= missing or len(again) < limit:
                return [*whole, *equal[:missing]]
            limit *= 8
