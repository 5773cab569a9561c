"""The conversion of the driver's result objects to the documents that the format expects."""

from __future__ import annotations

from typing import Any

from pymongo.results import (
    BulkWriteResult,
    ClientBulkWriteResult,
    DeleteResult,
    InsertManyResult,
    InsertOneResult,
    UpdateResult,
)

_UNACKNOWLEDGED = {"acknowledged": False}
_COUNTS = {
    "deletedCount": "deleted_count",
    "insertedCount": "inserted_count",
    "matchedCount": "matched_count",
    "modifiedCount": "modified_count",
    "upsertedCount": "upserted_count",
}


def insert_one(result: InsertOneResult) -> dict[str, Any]:
    """Convert an InsertOneResult to a document."""
    return {"insertedId": result.inserted_id} if result.acknowledged else dict(_UNACKNOWLEDGED)


def insert_many(result: InsertManyResult) -> dict[str, Any]:
    """Convert an InsertManyResult to a document."""
    if not result.acknowledged:
        return dict(_UNACKNOWLEDGED)
    return {"insertedIds": _by_index(dict(enumerate(result.inserted_ids))), "insertedCount": len(result.inserted_ids)}


def update(result: UpdateResult) -> dict[str, Any]:
    """Convert the UpdateResult of updateOne, updateMany or replaceOne to a document."""
    if not result.acknowledged:
        return dict(_UNACKNOWLEDGED)
    counts = {"matchedCount": result.matched_count, "modifiedCount": result.modified_count, "upsertedCount": int(result.did_upsert)}
    return {**counts, "upsertedId": result.upserted_id} if result.did_upsert else counts


def delete(result: DeleteResult) -> dict[str, Any]:
    """Convert a DeleteResult to a document."""
    return {"deletedCount": result.deleted_count} if result.acknowledged else dict(_UNACKNOWLEDGED)


def bulk(result: BulkWriteResult) -> dict[str, Any]:
    """Convert a BulkWriteResult to a document. It lacks the inserted ids, because the driver does not store them."""
    if not result.acknowledged:
        return dict(_UNACKNOWLEDGED)
    counts = {name: getattr(result, attribute) for name, attribute in _COUNTS.items()}
    return {**counts, "upsertedIds": _by_index(result.upserted_ids or {})}


def client_bulk(result: ClientBulkWriteResult) -> dict[str, Any]:
    """Convert a ClientBulkWriteResult to a document. Include the results of individual writes only if they were requested."""
    if not result.acknowledged:
        return dict(_UNACKNOWLEDGED)
    document: dict[str, Any] = {name: getattr(result, attribute) for name, attribute in _COUNTS.items()}
    if result.has_verbose_results:
        document["insertResults"] = {str(i): insert_one(one) for i, one in result.insert_results.items()}
        document["updateResults"] = {str(i): _client_update(one) for i, one in result.update_results.items()}
        document["deleteResults"] = {str(i): delete(one) for i, one in result.delete_results.items()}
    return document


def _client_update(result: UpdateResult) -> dict[str, Any]:
    document = update(result)
    document.pop("upsertedCount", None)
    return document


def _by_index(values: dict[int, Any]) -> dict[str, Any]:
    return {str(index): value for index, value in values.items()}
