"""Generation of missing `_id` fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from secantus_server.bson import decode_stored, encode


def with_ids(source: Iterable[bytes], generate: Callable[[], Any]) -> Iterator[bytes]:
    """Yield the documents with `_id` as the first field. Add a new `_id` if it is missing.

    Arguments:
        source: the documents.
        generate: a function that returns a new `_id`.

    Raises:
        CommandError: 238 if `_id` is missing or not the first field, and the document has duplicate field names.
    """
    for document in source:
        # The first field's name follows the length and a type byte.
        if document[5:9] == b"_id\0":
            yield document
        else:
            fields = decode_stored(document)
            yield encode({"_id": fields["_id"] if "_id" in fields else generate(), **fields})
