"""compactStructuredEncryptionData and cleanupStructuredEncryptionData.

https://www.mongodb.com/docs/manual/reference/command/compactStructuredEncryptionData/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson.int64 import Int64

from secantus_server.catalog.collection import Collection
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.errors import CommandError
from secantus_server.work.collections import recall
from secantus_server.work.encrypted.compaction import CompactionCounts, clean_up, compact
from secantus_server.work.writing import check_not_view

_NOT_ENCRYPTED = 6346807


@command(
    "compactStructuredEncryptionData",
    {
        "compactionTokens": a.document(required=True),
        "encryptionInformation": a.document(),
        "anchorPaddingFactor": a.number(),
    },
    is_write=True,
    privileges=on_collection("compactStructuredEncryptionData"),
)
def compact_structured_encryption_data(request: Request, args: dict[str, Any]) -> Reply:
    """Compact the state collections of an encrypted collection."""
    return _run(request, args["compactionTokens"], compact)


@command(
    "cleanupStructuredEncryptionData",
    {"cleanupTokens": a.document(required=True)},
    is_write=True,
    privileges=on_collection("cleanupStructuredEncryptionData"),
)
def cleanup_structured_encryption_data(request: Request, args: dict[str, Any]) -> Reply:
    """Compact the state collections of an encrypted collection, and remove their anchors."""
    return _run(request, args["cleanupTokens"], clean_up)


def _run(request: Request, tokens: dict[str, Any], work: Callable[..., CompactionCounts]) -> Reply:
    """Run a compaction or a cleanup, and return the reply."""
    value = request.body[request.name]
    # As in validate, a name with a leading dollar names no collection.
    name = value if type(value) is str and value.startswith("$") else collection_name(request.name, request.db, value)
    recall(request.services, request.db, name)

    def body(transaction: Transaction) -> CompactionCounts:
        return work(request, transaction, _checked(transaction, request.db, name, tokens), tokens)

    counts = request.work.write(body, request.operation.check)
    ecoc = {"read": Int64(counts.examined), "deleted": Int64(counts.examined)}
    return {"stats": {"ecoc": ecoc, "esc": {name: Int64(getattr(counts, name)) for name in ("read", "inserted", "updated", "deleted")}}}


def _checked(transaction: Transaction, db: str, name: str, tokens: dict[str, Any]) -> Collection:
    """Return the encrypted collection, after checking that each of its encrypted fields has a token.

    Raises:
        CommandError: 73 InvalidNamespace, 26 NamespaceNotFound, 166 CommandNotSupportedOnView, 6346807, 7294900.
    """
    collection = transaction.catalog.find(db, name)
    if collection is None:
        raise CommandError(26, f"Collection '{db}.{name}' not found")
    check_not_view(collection)
    encrypted = collection.options.get("encryptedFields")
    if encrypted is None:
        raise CommandError(_NOT_ENCRYPTED, "Target namespace is not an encrypted collection")
    for field in encrypted["fields"]:
        if field["path"] not in tokens:
            raise CommandError(7294900, f"There is no token for the encrypted field {field['path']}")
    return collection
