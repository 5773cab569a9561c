"""The writer of a clustered collection.

https://www.mongodb.com/docs/manual/core/clustered-collections/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.bson import decode, key_string
from secantus_server.errors import CommandError
from secantus_server.exec._prepare import id_document
from secantus_server.index.errors import DuplicateKey
from secantus_server.work.special_collections import check_printable
from secantus_server.work.writers.plain import PlainWriter

MAX_ID_BYTES = 8 * 1024 * 1024


def _record_id_bytes(value: Any) -> int:
    """Return the size of the record id that MongoDB derives from an `_id`.

    For a string (with type and zero byte) and binary data (with type, length and subtype), the overhead is known exactly. For other
    values, the size of Secantus' key string is an approximation.
    """
    if type(value) is str:
        return len(value.encode()) + 2
    if isinstance(value, bytes):
        return len(value) + 7
    return len(key_string(value))


class ClusteredWriter(PlainWriter):
    """A `Writer` for a clustered collection."""

    __slots__ = ()

    def insert(self, document: bytes) -> None:
        """Store a document; see `Writer.insert`.

        Raises:
            CommandError: 5894900 if the `_id` is too large for a record id in MongoDB.
        """
        if len(document) > MAX_ID_BYTES and _record_id_bytes(decode(id_document(document))["_id"]) > MAX_ID_BYTES:
            raise CommandError(5894900, f"The record id of a clustered collection must not exceed {MAX_ID_BYTES} bytes")
        super().insert(document)

    def insert_run(
        self, documents: list[bytes], start: int, stop: int, make_timestamp: Callable[[], int], check: Callable[[], None]
    ) -> tuple[int, CommandError | None]:
        """Store a client's documents; see `Writer.insert_run`."""
        if max(map(len, documents[start:stop]), default=0) > MAX_ID_BYTES:
            return self._insert_each(documents, start, stop, make_timestamp, check)
        return super().insert_run(documents, start, stop, make_timestamp, check)

    def _duplicate(self, error: DuplicateKey) -> CommandError:
        try:
            check_printable(error.values)
        except CommandError as refusal:
            return refusal
        return super()._duplicate(error)
