"""compactStructuredEncryptionData and cleanupStructuredEncryptionData.

https://www.mongodb.com/docs/manual/reference/command/compactStructuredEncryptionData/

In this server, writes never add to the metadata of encrypted collections. The commands therefore check their arguments and change
nothing.
"""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.work.collections import recall
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
    """Check the arguments of a compaction of an encrypted collection's metadata, and report that nothing had to be compacted."""
    _check(request, args["compactionTokens"])
    return {"stats": {"ecoc": _counts("read", "deleted"), "esc": _counts("read", "inserted", "updated", "deleted")}}


@command(
    "cleanupStructuredEncryptionData",
    {"cleanupTokens": a.document(required=True)},
    is_write=True,
    privileges=on_collection("cleanupStructuredEncryptionData"),
)
def cleanup_structured_encryption_data(request: Request, args: dict[str, Any]) -> Reply:
    """Check the arguments of a cleanup of an encrypted collection's metadata, and report that nothing had to be removed."""
    _check(request, args["cleanupTokens"])
    return {"stats": {"ecoc": _counts("read", "deleted"), "esc": _counts("read", "inserted", "updated", "deleted")}}


def _counts(*names: str) -> dict[str, Int64]:
    return dict.fromkeys(names, Int64(0))


def _check(request: Request, tokens: dict[str, Any]) -> None:
    """Check that the collection is encrypted and that each of its encrypted fields has a token.

    Raises:
        CommandError: 73 InvalidNamespace, 26 NamespaceNotFound, 166 CommandNotSupportedOnView, 6346807, 7294900.
    """
    value = request.body[request.name]
    # As in validate, a name with a leading dollar names no collection.
    name = value if type(value) is str and value.startswith("$") else collection_name(request.name, request.db, value)
    collection = recall(request.services, request.db, name)
    if collection is None:
        raise CommandError(26, f"Collection '{request.db}.{name}' not found")
    check_not_view(collection)
    encrypted = collection.options.get("encryptedFields")
    if encrypted is None:
        raise CommandError(_NOT_ENCRYPTED, "Target namespace is not an encrypted collection")
    for field in encrypted["fields"]:
        if field["path"] not in tokens:
            raise CommandError(7294900, f"There is no token for the encrypted field {field['path']}")
