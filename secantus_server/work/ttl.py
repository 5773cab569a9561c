"""Deletion of expired documents, for TTL indexes and for collections with an expiry.

https://www.mongodb.com/docs/manual/core/index-ttl/
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from secantus_server.bson.numbers import to_float
from secantus_server.bson.values import Date
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.timeseries import Bucketing
from secantus_server.dispatch.arguments import whole_number
from secantus_server.dispatch.parameters import parameter_value
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.exec.interruption import never_interrupt
from secantus_server.index._index import Index
from secantus_server.mql.context import ParseContext
from secantus_server.query.canonical import parse_query
from secantus_server.work.batches import QUERY_PLAN_KILLED, Targets
from secantus_server.work.delete_documents import delete_matches


def delete_expired(services: Services, check: Callable[[], None] = never_interrupt) -> int:
    """Run one pass over all TTL indexes and all clustered collections with an expiry. Return the number of deleted documents.

    Arguments:
        check: raises an error to stop the pass. Documents already deleted remain deleted.
    """
    if not parameter_value(services, "ttlMonitorEnabled"):
        return 0
    deleted = 0
    for db in services.catalog.databases():
        for collection in services.catalog.collections(db):
            for expiry in _expiries(collection):
                deleted += _delete_expired(services, check, collection, expiry)
    services.counters.add("ttl.deletedDocuments", deleted)
    services.counters.add("ttl.passes")
    return deleted


class Expiry(NamedTuple):
    """An expiry rule of a collection.

    Arguments:
        index_ident: the ident of the TTL index, or None for the expiry of a collection.
        path: the path of the date in the documents.
        seconds: the age at which a document expires.
        partial: the filter of a partial TTL index, or None.
    """

    index_ident: int | None
    path: str
    seconds: int
    partial: dict[str, Any] | None


def _expiries(collection: Collection) -> list[Expiry]:
    """Return the expiry rules of a collection."""
    found = []
    if collection.holds_buckets:
        return _bucket_expiries(collection)
    if collection.is_clustered and "expireAfterSeconds" in collection.options:
        found.append(Expiry(None, "_id", collection.options["expireAfterSeconds"], None))
    for index in collection.indexes:
        if _expires(index):
            seconds = whole_number(index.spec["expireAfterSeconds"])
            found.append(Expiry(index.ident, index.parts[0][0], seconds, index.spec.get("partialFilterExpression")))
    return found


def _bucket_expiries(collection: Collection) -> list[Expiry]:
    """Return the expiry rules of a time-series collection's buckets. A bucket expires when its latest possible measurement has expired.

    https://www.mongodb.com/docs/manual/core/timeseries/timeseries-automatic-removal/
    """
    bucketing = Bucketing.of(collection.options["timeseries"])
    path, found = f"control.min.{bucketing.time_field}", []
    if "expireAfterSeconds" in collection.options:
        found.append(Expiry(None, path, int(collection.options["expireAfterSeconds"]) + bucketing.span_ms // 1000, None))
    for index in collection.indexes:
        if _expires(index):
            seconds = whole_number(index.spec["expireAfterSeconds"]) + bucketing.span_ms // 1000
            found.append(Expiry(index.ident, path, seconds, index.spec.get("partialFilterExpression")))
    return found


def _expires(index: Index) -> bool:
    """Return whether an index is a TTL index. Special kinds of index and `expireAfterSeconds: NaN` do not expire documents."""
    seconds = index.spec.get("expireAfterSeconds")
    return index.kind.is_ordered and seconds is not None and not math.isnan(to_float(seconds))


def _delete_expired(services: Services, check: Callable[[], None], collection: Collection, expiry: Expiry) -> int:
    """Delete the documents of a collection that have expired under one rule, and return the number of deleted documents.

    Each transaction checks that the rule still exists, because the collection may be dropped or its expiry changed at any time.
    """
    limit = Date(services.clock.now_ms() - expiry.seconds * 1000)
    query = parse_query({"$and": [{expiry.path: {"$lte": limit}}, expiry.partial or {}]}, ParseContext())

    def accepts(current: Collection) -> bool:
        return current is collection or (current.uuid == collection.uuid and expiry in _expiries(current))

    targets = Targets(services, collection.db, collection.name, query, check, stay=False, accepts=accepts)
    try:
        return delete_matches(services, services.work, targets, check)
    except CommandError as error:
        if error.code != QUERY_PLAN_KILLED:
            raise
        # The collection or its index was dropped or changed during the pass.
        return 0
