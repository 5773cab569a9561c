"""Preparation of documents for storage: `_id` becomes the first field, and empty timestamps are replaced."""

from __future__ import annotations

from typing import Any

from secantus_server.bson import decode
from secantus_server.bson.values import timestamp_seconds
from secantus_server.clock import Clock
from secantus_server.exec._prepare import id_document, prepare_document


def prepare_made_document(document: bytes, clock: Clock) -> bytes:
    """Return a document that a pipeline produced, prepared for storage.

    Raises:
        CommandError: the errors of `prepare_document`.
    """
    return prepare_document(document, clock.object_id, lambda: timestamp_seconds(clock.now_ms()) << 32 | 1)


def prepared_id(document: bytes) -> Any:
    """Return the `_id` of a prepared document, which is its first field."""
    return decode(id_document(document))["_id"]
