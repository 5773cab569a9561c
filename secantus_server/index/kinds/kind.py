"""The interface of a kind of index, and the registry of kinds.

https://www.mongodb.com/docs/manual/core/indexes/index-types/

A kind without a generator and an extractor of keys stores no entries: its indexes are definitions that refuse invalid documents and
serve no query yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from secantus_server.mql._keys import KeyGenerator
from secantus_server.mql.context import Collation
from secantus_server.mql.match import MatchExpression
from secantus_server.version import Release

# Raises CommandError for a document that cannot be indexed.
Guard = Callable[[bytes], None]
# Returns the distinct keys of a document, or raises CommandError. In a dict, each key has the values that are stored with it, or None if it
# is a mark (see `_wildcard.pyx`).
Extractor = Callable[[bytes], Iterable[bytes]]


class IndexKind(Protocol):
    """A kind of index. The defaults are those of a kind that stores no entries and has no restrictions."""

    #: The name in the catalog, in error messages and, for most kinds, in place of a direction in key patterns.
    name: str
    #: The options that only this kind of definition has, and their types (see `index.spec`).
    options: Mapping[str, str] = MappingProxyType({})
    #: Those of `options` that are an error in a definition of another kind, with the error's code and text.
    exclusive_options: Mapping[str, tuple[int, str]] = MappingProxyType({})
    #: The entries hold the values of all fields in the order of those values. Only then can a scan sort, cover a query, list distinct
    #: values, expire documents, and filter entries before it reads documents.
    is_ordered: bool = False
    has_collations: bool = True
    #: A definition may have `expireAfterSeconds`.
    may_expire: bool = False
    in_api_v1: bool = True
    one_per_collection: bool = False
    #: The index serves any path below its wildcard; see `query.wildcard`.
    has_wildcard: bool = False
    #: `$text` needs an index of this kind.
    serves_text: bool = False
    #: Hinting the index is an error if it cannot serve any predicate of the filter.
    needs_predicate: bool = False
    #: The name of explain's stage for `$near` by this kind of index, or None if it does not serve `$near`.
    near_stage: str | None = None
    #: Distances are measured in the plane.
    is_flat: bool = False

    def claims(self, path: str, direction: Any) -> bool:
        """Return whether this field of a key pattern makes the index one of this kind."""
        return bool(direction == self.name)

    def check_key(self, key: dict[str, Any]) -> None:
        """Check the fields of this kind in a key pattern, which may have other ones too.

        Raises:
            CommandError: with MongoDB's code.
        """
        return

    def check(self, spec: dict[str, Any]) -> None:
        """Check a definition of this kind; the types of its options are checked already.

        Raises:
            CommandError: with MongoDB's code.
        """
        return

    def check_in_time_series(self, *, is_meta: bool) -> None:
        """Check that an index of a time series may have a field of this kind.

        Arguments:
            is_meta: whether the field is in the metadata, not in the measurements.

        Raises:
            CommandError: with MongoDB's code.
        """
        return

    def complete(self, spec: dict[str, Any], release: Release) -> dict[str, Any]:
        """Return a checked definition as a release of MongoDB stores it.

        Raises:
            CommandError: with MongoDB's code, for values of this kind's options.
        """
        return spec

    def listed(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Return a stored definition as listIndexes shows it."""
        return spec

    def generator(self, key: dict[str, Any], collation: Collation | None) -> KeyGenerator | None:
        """Return the generator of keys from the values at the index's paths, or None if the index has other keys or none."""
        return None

    def extractor(self, spec: dict[str, Any]) -> Extractor | None:
        """Return the function that makes the keys of an index without a generator, or None if no entries are stored.

        Arguments:
            spec: the definition as it is stored.
        """
        return None

    def parts(self, key: dict[str, Any]) -> list[tuple[str, int]]:
        """Return the paths and directions of the fields in the extractor's keys for which the planner makes bounds."""
        return []

    def is_multikey(self, keys: list[bytes], marks: list[bytes]) -> bool:
        """Return whether a document with these keys makes the index multikey.

        Arguments:
            keys: all keys that the extractor has made.
            marks: those that are marks.
        """
        return len(keys) > 1

    def key_values(self, spec: dict[str, Any], document: bytes, key: bytes) -> list[Any]:
        """Return the values in a key that the extractor has made, in the order of the key pattern; an error shows them.

        Arguments:
            spec: the definition as it is stored.
            document: the document that has the key.
            key: the key.
        """
        raise AssertionError(f"an index of the kind {self.name} has a generator")

    def entries_version(self) -> str:
        """Return the version of the entries' format. When a store is opened, indexes with entries of another version are rebuilt."""
        return ""

    def guard(self, spec: dict[str, Any]) -> Guard | None:
        """Return a function that refuses documents which the index cannot hold, or None if it holds all.

        Arguments:
            spec: the definition as it is stored.
        """
        return None

    def is_transformed(self, direction: Any) -> bool:
        """Return whether the index stores a function of this field's value. Such a field serves only equality, and never exactly."""
        return False

    def transformed(self, value: Any) -> Any:
        """Return the transformed value of a field for which `is_transformed` is true; explain shows it in bounds."""
        return value

    def membership(self, spec: dict[str, Any]) -> MatchExpression | None:
        """Return a filter for the documents in the index, in addition to its partial filter, or None if it holds all."""
        return None

    def serves(self, spec: dict[str, Any], path: str, node: MatchExpression) -> bool:
        """Return whether an index that stores no entries could serve a predicate if it did.

        Arguments:
            spec: the definition as it is stored.
            path: the predicate's field; documents without it do not match.
            node: the predicate.
        """
        return False

    def locates(self, key: dict[str, Any], path: str) -> bool:
        """Return whether a field of a key pattern holds geometries of this kind."""
        return self.near_stage is not None and key.get(path) == self.name

    def serves_near(self, *, spherical: bool, geojson: bool) -> bool:
        """Return whether an index of this kind measures the given type of distance.

        Arguments:
            spherical: on the sphere, not in the plane.
            geojson: from a GeoJSON point, not from a pair of legacy coordinates.
        """
        return False


_KINDS: dict[str, IndexKind] = {}


def register(kind: IndexKind) -> None:
    """Register a kind of index."""
    assert kind.name not in _KINDS, f"{kind.name} is registered twice"
    _KINDS[kind.name] = kind


def all_kinds() -> list[IndexKind]:
    """Return every kind of index."""
    return list(_KINDS.values())


def kind_of(key: dict[str, Any]) -> IndexKind:
    """Return the kind of index that a key pattern defines: that of the first field which names one, else a B-tree."""
    for path, direction in key.items():
        for kind in _KINDS.values():
            if kind.claims(path, direction):
                return kind
    return _KINDS["btree"]


def is_kind_name(direction: str) -> bool:
    """Return whether a kind of index is named by this text in a key pattern."""
    return any(kind.claims("", direction) for kind in _KINDS.values())
