"""The ordinary index: one key for each combination of values, in the order of the values.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-single/
"""

from __future__ import annotations

from typing import Any

from secantus_server.index.key_pattern import direction
from secantus_server.index.kinds.kind import IndexKind, register
from secantus_server.mql._keys import KeyGenerator
from secantus_server.mql.context import Collation


class BTree(IndexKind):
    """A single-field or compound index."""

    name = "btree"
    is_ordered = True
    may_expire = True

    def claims(self, path: str, direction: Any) -> bool:
        """Return False: a key pattern that names no kind is a B-tree by default."""
        return False

    def generator(self, key: dict[str, Any], collation: Collation | None) -> KeyGenerator:
        """Return the generator of a document's keys."""
        return value_keys(key, collation)


def value_keys(key: dict[str, Any], collation: Collation | None) -> KeyGenerator:
    """Return a generator of keys made from the field values, without a transformation."""
    return KeyGenerator([(path, direction(value)) for path, value in key.items()], collation)


register(BTree())
