"""compactStructuredEncryptionData and cleanupStructuredEncryptionData, for collections without encrypted fields: the server has no others.

https://www.mongodb.com/docs/manual/reference/command/compactStructuredEncryptionData/
"""

from __future__ import annotations

from typing import Any, NoReturn

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
def compact_structured_encryption_data(request: Request, _args: dict[str, Any]) -> Reply:
    """Compact the metadata of an encrypted collection."""
    _refuse(request)


@command(
    "cleanupStructuredEncryptionData",
    {"cleanupTokens": a.document(required=True)},
    is_write=True,
    privileges=on_collection("cleanupStructuredEncryptionData"),
)
def cleanup_structured_encryption_data(request: Request, _args: dict[str, Any]) -> Reply:
    """Clean up the metadata of an encrypted collection."""
    _refuse(request)


def _refuse(request: Request) -> NoReturn:
    """Raise the error for a collection that is not encrypted.

    Raises:
        CommandError: 73 InvalidNamespace, 26 NamespaceNotFound, 166 CommandNotSupportedOnView, 6346807.
    """
    name = collection_name(request.name, request.db, request.body[request.name])
    collection = recall(request.services, request.db, name)
    if collection is None:
        raise CommandError(26, f"Collection '{request.db}.{name}' not found")
    check_not_view(collection)
    raise CommandError(_NOT_ENCRYPTED, "Target namespace is not an encrypted collection")
