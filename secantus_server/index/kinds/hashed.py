"""The hashed index, which supports only equality predicates.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-hashed/

Unlike MongoDB, Secantus stores the values in the entries instead of their hashes, and computes bounds from values. Explain shows hashes.
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import decode
from secantus_server.errors import CommandError
from secantus_server.index.kinds.btree import value_keys
from secantus_server.index.kinds.kind import Guard, IndexKind, register
from secantus_server.index.kinds.wildcard import check_wildcard_fields
from secantus_server.mql._keys import KeyGenerator
from secantus_server.mql.context import Collation
from secantus_server.mql.expressions.hashed_index_key import HASHED, to_hashed_index_key


class Hashed(IndexKind):
    """The index kind of indexes with one hashed field."""

    name = "hashed"
    may_expire = True

    def check_key(self, key: dict[str, Any]) -> None:
        """Reject a key pattern with more than one hashed field.

        Raises:
            CommandError: 31303.
        """
        if list(key.values()).count(self.name) > 1:
            raise CommandError(31303, "A maximum of one index field is allowed to be hashed")

    def check(self, spec: dict[str, Any]) -> None:
        """Reject a definition with a wildcard or with `unique`.

        Raises:
            CommandError: 67 CannotCreateIndex, 16764.
        """
        check_wildcard_fields(spec["key"])
        if spec.get("unique"):
            raise CommandError(16764, "Currently hashed indexes cannot guarantee uniqueness. Use a regular index.")

    def check_in_time_series(self, *, is_meta: bool) -> None:
        """Reject a hashed index on a measurement field. Only metadata fields of a time series may be hashed.

        Raises:
            CommandError: 67 CannotCreateIndex.
        """
        if not is_meta:
            raise CommandError(67, "Hashed indexes are only supported on the metadata of time-series collections")

    def generator(self, key: dict[str, Any], collation: Collation | None) -> KeyGenerator:
        """Return the generator that computes a document's index keys."""
        return value_keys(key, collation)

    def guard(self, spec: dict[str, Any]) -> Guard:
        """Return a function that raises an error if a document has an array at the hashed field's path or at a parent of that path."""
        hashed = next(path for path, direction in spec["key"].items() if direction == self.name)
        names = hashed.split(".")
        return lambda document: _refuse_arrays(decode(document), names)

    def is_transformed(self, direction: Any) -> bool:
        """Return whether a field of the key pattern is hashed."""
        return bool(direction == self.name)

    def transformed(self, value: Any) -> Any:
        """Return the hash of a value. Values of the few types that MongoDB does not hash are returned unchanged."""
        return to_hashed_index_key(value) if type(value) in HASHED else value


def _refuse_arrays(value: Any, names: list[str]) -> None:
    for depth, name in enumerate(names, 1):
        if type(value) is not dict:
            return
        value = value.get(name)
        if type(value) is list:
            path = ".".join(names[:depth])
            raise CommandError(16766, f"hashed indexes do not currently support array values. Found array at path: {path}")


register(Hashed())
