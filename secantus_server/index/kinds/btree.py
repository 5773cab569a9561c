"""The ordinary B-tree index. A document has one key for each combination of its values, and keys sort in the order of the values.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-single/
"""

from __future__ import annotations

from typing import Any

from secantus_server.index.key_pattern import direction
from secantus_server.index.kinds.kind import IndexKind, register
from secantus_server.mql._keys import KeyGenerator
from secantus_server.mql.context import Collation


class BTree(IndexKind):
    """The index kind of ordinary single-field and compound indexes."""

    name = "btree"
    is_ordered = True
    may_expire = True

    def claims(self, path: str, direction: Any) -> bool:
        """Return False, because a B-tree is the default for key patterns that select no other kind."""
        return False

    def generator(self, key: dict[str, Any], collation: Collation | None) -> KeyGenerator:
        """Return the generator that computes a document's index keys."""
        return value_keys(key, collation)


def value_keys(key: dict[str, Any], collation: Collation | None) -> KeyGenerator:
    """Return a generator that builds a document's keys from the unchanged values of the indexed fields."""
    return KeyGenerator([(path, direction(value)) for path, value in key.items()], collation)


register(BTree())
