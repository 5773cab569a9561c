"""The interface of a kind of index, and the registry of kinds.

https://www.mongodb.com/docs/manual/core/indexes/index-types/

A kind that has neither a generator nor an extractor of keys stores no entries. Its indexes reject invalid documents but serve no queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from secantus_server.mql._keys import KeyGenerator
from secantus_server.mql.context import Collation
from secantus_server.mql.match import MatchExpression
from secantus_server.version import Release

# A function that raises CommandError for a document that cannot be indexed.
Guard = Callable[[bytes], None]
# A function that returns the distinct keys of a document, or raises CommandError. If it returns a dict, the dict maps each key to the
# values that are stored with the key, or to None if the key is a mark (see `_wildcard.pyx`).
Extractor = Callable[[bytes], Iterable[bytes]]


class IndexKind(Protocol):
    """A kind of index. The default implementations are those of a kind that stores no entries and has no restrictions."""

    #: The name in the catalog and in error messages. For most kinds, a key pattern also selects the kind by this name, in place of a
    #: direction.
    name: str
    #: The options that only definitions of this kind have, and the options' types (see `index.spec`).
    options: Mapping[str, str] = MappingProxyType({})
    #: Those of `options` that are an error in a definition of another kind, with the code and text of the error.
    exclusive_options: Mapping[str, tuple[int, str]] = MappingProxyType({})
    #: Whether the entries contain the values of all fields and are sorted by them. Only then can a scan of the index sort, cover a query,
    #: list distinct values, expire documents, and filter entries before it reads documents.
    is_ordered: bool = False
    has_collations: bool = True
    #: Whether a definition may have `expireAfterSeconds`.
    may_expire: bool = False
    in_api_v1: bool = True
    one_per_collection: bool = False
    #: Whether the index serves any path below its wildcard; see `query.wildcard`.
    has_wildcard: bool = False
    #: Whether the index serves `$text`.
    serves_text: bool = False
    #: Whether a hint on the index is an error if the index cannot serve any predicate of the filter.
    needs_predicate: bool = False
    #: The name of the stage that explain shows for a `$near` with this kind of index, or None if the kind does not serve `$near`.
    near_stage: str | None = None
    #: Whether distances are measured in the plane.
    is_flat: bool = False

    def claims(self, path: str, direction: Any) -> bool:
        """Return whether a key pattern that contains this field defines an index of this kind."""
        return bool(direction == self.name)

    def check_key(self, key: dict[str, Any]) -> None:
        """Check the fields of this kind in a key pattern. The pattern may also have other fields.

        Raises:
            CommandError: if a field is invalid, with MongoDB's code.
        """
        return

    def check(self, spec: dict[str, Any]) -> None:
        """Check a definition of this kind. The caller has already checked the types of its options.

        Raises:
            CommandError: if the definition is invalid, with MongoDB's code.
        """
        return

    def check_in_time_series(self, *, is_meta: bool) -> None:
        """Check that an index of a time series may have a field of this kind.

        Arguments:
            is_meta: whether the field is in the metadata, not in the measurements.

        Raises:
            CommandError: if it may not, with MongoDB's code.
        """
        return

    def complete(self, spec: dict[str, Any], release: Release) -> dict[str, Any]:
        """Return a checked definition in the form that the given MongoDB release stores.

        Raises:
            CommandError: with MongoDB's code, if an option of this kind has an invalid value.
        """
        return spec

    def listed(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Return a stored definition in the form that listIndexes shows."""
        return spec

    def generator(self, key: dict[str, Any], collation: Collation | None) -> KeyGenerator | None:
        """Return the generator that generates keys from the values at the index's paths.

        Return None if the kind generates keys in another way, or has none.
        """
        return None

    def extractor(self, spec: dict[str, Any]) -> Extractor | None:
        """Return the function that extracts a document's keys, if the kind has no generator.

        Return None if the kind has a generator or stores no entries.

        Arguments:
            spec: the definition as it is stored.
        """
        return None

    def parts(self, key: dict[str, Any]) -> list[tuple[str, int]]:
        """Return the paths and directions of the fields for which the planner computes bounds, if the kind has an extractor."""
        return []

    def is_multikey(self, keys: list[bytes], marks: list[bytes]) -> bool:
        """Return whether a document with these keys makes the index multikey.

        Arguments:
            keys: all keys that the extractor returned.
            marks: the keys that are marks.
        """
        return len(keys) > 1

    def key_values(self, spec: dict[str, Any], document: bytes, key: bytes) -> list[Any]:
        """Return the values of which a key from the extractor consists, in the order of the key pattern. An error message shows them.

        Arguments:
            spec: the definition as it is stored.
            document: the document that has the key.
            key: the key.
        """
        raise AssertionError(f"an index of the kind {self.name} has a generator")

    def entries_version(self) -> str:
        """Return the version of the entries' format. When a store is opened, indexes whose entries have another version are rebuilt."""
        return ""

    def guard(self, spec: dict[str, Any]) -> Guard | None:
        """Return a function that raises an error for a document that cannot be indexed, or None if all documents can be indexed.

        Arguments:
            spec: the definition as it is stored.
        """
        return None

    def is_transformed(self, direction: Any) -> bool:
        """Return whether the index works on a function of a field's value, such as its hash, instead of the value.

        Such a field supports only equality predicates. Its bounds are never exact, so documents must be checked again.
        """
        return False

    def transformed(self, value: Any) -> Any:
        """Return the transformed value of a field for which `is_transformed` is true. Explain shows the transformed value in bounds."""
        return value

    def membership(self, spec: dict[str, Any]) -> MatchExpression | None:
        """Return the filter that a document must match to be indexed, in addition to the index's partial filter, or None."""
        return None

    def serves(self, spec: dict[str, Any], path: str, node: MatchExpression) -> bool:
        """Return whether an index of this kind could serve a predicate. A hint on an index that provides no bounds depends on this.

        Arguments:
            spec: the definition as it is stored.
            path: the predicate's field; documents without the field do not match.
            node: the predicate.
        """
        return False

    def locates(self, key: dict[str, Any], path: str) -> bool:
        """Return whether a field of a key pattern contains geometries that this kind indexes."""
        return self.near_stage is not None and key.get(path) == self.name

    def serves_near(self, *, spherical: bool, geojson: bool) -> bool:
        """Return whether an index of this kind measures the requested type of distance.

        Arguments:
            spherical: whether distances are measured on the sphere instead of in the plane.
            geojson: whether distances are measured from a GeoJSON point instead of a pair of legacy coordinates.
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
    """Return the kind of index that a key pattern defines: the kind of the first field that selects one, or a B-tree by default."""
    for path, direction in key.items():
        for kind in _KINDS.values():
            if kind.claims(path, direction):
                return kind
    return _KINDS["btree"]


def is_kind_name(direction: str) -> bool:
    """Return whether a string in a key pattern names a kind of index."""
    return any(kind.claims("", direction) for kind in _KINDS.values())
