"""What a hashed index demands of the documents of its collection: no array on the way to its hashed field.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-hashed/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.bson import decode
from secantus_server.errors import CommandError


def hashed_guard(key: dict[str, Any]) -> Callable[[bytes], None] | None:
    """A function that refuses documents which an index cannot hold; None for an index that is not hashed.

    Arguments:
        key: the index's key pattern.
    """
    hashed = next((path for path, kind in key.items() if kind == "hashed"), None)
    if hashed is None:
        return None
    names = hashed.split(".")

    def refuse_arrays(document: bytes) -> None:
        value: Any = decode(document)
        for depth, name in enumerate(names, 1):
            if type(value) is not dict:
                return
            value = value.get(name)
            if type(value) is list:
                raise CommandError(
                    16766, f"hashed indexes do not currently support array values. Found array at path: {'.'.join(names[:depth])}"
                )

    return refuse_arrays
