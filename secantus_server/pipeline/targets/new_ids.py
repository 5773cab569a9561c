"""Gives documents that are about to be written the `_id` they lack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from secantus_server.bson import decode, encode


def with_ids(source: Iterable[bytes], generate: Callable[[], Any]) -> Iterator[bytes]:
    """The same documents, each with `_id` as its first field.

    Arguments:
        source: the documents.
        generate: makes an id.
    """
    for document in source:
        # Behind the length and a type comes the first name.
        if document[5:9] == b"_id\0":
            yield document
        else:
            fields = decode(document)
            yield encode({"_id": fields["_id"] if "_id" in fields else generate(), **fields})
