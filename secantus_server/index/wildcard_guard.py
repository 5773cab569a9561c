"""What a compound wildcard index demands of the documents of its collection: no array at its fields without a wildcard.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-wildcard/index-wildcard-compound/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.bson import decode
from secantus_server.errors import CommandError


def wildcard_guard(key: dict[str, Any]) -> Callable[[bytes], None] | None:
    """A function that refuses documents which an index cannot hold; None for an index that holds all.

    Arguments:
        key: the index's key pattern.
    """
    plain = [path for path in key if path != "$**" and not path.endswith(".$**")]
    if not plain or len(plain) == len(key):
        return None

    def refuse_arrays(document: bytes) -> None:
        fields = decode(document)
        for path in plain:
            if _meets_array(fields, path.split(".")):
                raise CommandError(7246301, f"A compound wildcard index cannot hold an array at its field '{path}'")

    return refuse_arrays


def _meets_array(value: Any, path: list[str]) -> bool:
    for name in path:
        if type(value) is not dict:
            return False
        value = value.get(name)
        if type(value) is list:
            return True
    return False
