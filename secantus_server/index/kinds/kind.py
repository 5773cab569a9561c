"""The interface of index kinds, and their registry.

https://www.mongodb.com/docs/manual/core/indexes/index-types/

A kind without a key generator and without a key extractor stores no entries. Its indexes reject invalid documents but serve no queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from secantus_server.index.key_pattern import is_wildcard
from secantus_server.modules import import_late
from secantus_server.mql._keys import KeyGenerator
from secantus_server.mql.context import Collation
from secantus_server.records import Protocol
from secantus_server.version import Release

if TYPE_CHECKING:
    from secantus_server.mql.match._nodes import MatchExpression

# A function that raises CommandError for a document that cannot be indexed.
Guard = Callable[[bytes], None]
# A function that returns the distinct keys of a document, or raises CommandError. If it returns a dict, the dict maps each key to the
# values that are stored with the key, or to None if the key is a mark (see `_wildcard.pyx`).
Extractor = Callable[[bytes], Iterable[bytes]]


class IndexKind(Protocol):
    """A kind of index. By default, the methods describe a kind that stores no entries and has no restrictions."""

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
        """Return whether a field in a key pattern makes the index an index of this kind."""
        return bool(direction == self.name)

    def check_key(self, key: dict[str, Any]) -> None:
        """Validate the fields of this kind in a key pattern, which may also have other fields.

        Raises:
            CommandError: if a field is invalid, with MongoDB's code.
        """
        return

    def check(self, spec: dict[str, Any]) -> None:
        """Validate a definition of this kind whose option types have already been checked.

        Raises:
            CommandError: if the definition is invalid, with MongoDB's code.
        """
        return

    def check_in_time_series(self, *, is_meta: bool) -> None:
        """Check that an index on a time series may have a field of this kind.

        Arguments:
            is_meta: whether the field is in the metadata, not in the measurements.

        Raises:
            CommandError: if the field is not allowed, with MongoDB's code.
        """
        return

    def complete(self, spec: dict[str, Any], release: Release) -> dict[str, Any]:
        """Convert a checked definition to the form that the given MongoDB release stores.

        Raises:
            CommandError: if an option of this kind has an invalid value, with MongoDB's code.
        """
        return spec

    def listed(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Convert a stored definition to the form that listIndexes returns."""
        return spec

    def generator(self, key: dict[str, Any], collation: Collation | None) -> KeyGenerator | None:
        """Return the generator that computes a document's keys from the values at the indexed paths.

        Return None if the kind uses an extractor instead, or stores no entries.
        """
        return None

    def extractor(self, spec: dict[str, Any]) -> Extractor | None:
        """Return the function that computes a document's keys, for kinds that have no key generator.

        Return None if the kind has a generator or stores no entries.

        Arguments:
            spec: the stored definition.
        """
        return None

    def parts(self, key: dict[str, Any]) -> list[tuple[str, int]]:
        """Return the (path, direction) pairs of the fields for which the planner computes bounds. Only kinds with an extractor need this
        method.
        """
        return []

    def is_multikey(self, keys: list[bytes], marks: list[bytes]) -> bool:
        """Return whether a document with these keys makes the index multikey.

        Arguments:
            keys: all keys that the extractor returned.
            marks: the subset of keys that only record that a path contains an array, as in wildcard indexes.
        """
        return len(keys) > 1

    def key_values(self, spec: dict[str, Any], document: bytes, key: bytes) -> list[Any]:
        """Decode an extracted key and return its values in the order of the key pattern, for an error message.

        Arguments:
            spec: the stored definition.
            document: the document that has the key.
            key: the key.
        """
        raise AssertionError(f"an index of the kind {self.name} has a generator")

    def entries_version(self) -> str:
        """Return the format version of the entries. Opening a store rebuilds the indexes whose entries have a different version."""
        return ""

    def guard(self, spec: dict[str, Any]) -> Guard | None:
        """Return a function that raises an error for a document that cannot be indexed, or None if every document can be indexed.

        Arguments:
            spec: the stored definition.
        """
        return None

    def is_transformed(self, direction: Any) -> bool:
        """Return whether the index uses a function of a field's value, such as a hash, instead of the value itself.

        Such a field supports only equality predicates. Its bounds are never exact, so the filter must be applied to the documents again.
        """
        return False

    def transformed(self, value: Any) -> Any:
        """Return the transformed value of a field for which `is_transformed` is true, so that explain can show the value in bounds."""
        return value

    def membership(self, spec: dict[str, Any]) -> MatchExpression | None:
        """Return the filter that selects the documents in an index of this kind, or None if the index contains all documents.

        If the index is partial, its partial filter applies in addition.
        """
        return None

    def serves(self, spec: dict[str, Any], path: str, node: MatchExpression) -> bool:
        """Return whether an index of this kind could serve a predicate. The planner uses the result to validate a hint on an index that
        provides no bounds.

        Arguments:
            spec: the stored definition.
            path: the predicate's field, which every matching document has.
            node: the predicate.
        """
        return False

    def locates(self, key: dict[str, Any], path: str) -> bool:
        """Return whether a path of a key pattern is a geometry field of this kind."""
        return self.near_stage is not None and key.get(path) == self.name

    def serves_near(self, *, spherical: bool, geojson: bool) -> bool:
        """Return whether an index of this kind can measure the requested type of distance.

        Arguments:
            spherical: whether distances are measured on the sphere instead of in the plane.
            geojson: whether distances are measured from a GeoJSON point instead of a pair of legacy coordinates.
        """
        return False


_KINDS: dict[str, IndexKind] = {}
#: The modules of the kinds that are imported when they are first used, because they import geometry, the expression
#: language or the match language, and few collections have them.
_LATE = {
    "wildcard": "wildcard",
    "hashed": "hashed",
    "2d": "plane",
    "2dsphere": "sphere",
    "2dsphere_bucket": "sphere_bucket",
    "text": "text",
}
#: The order in which `all_kinds` returns the kinds, before any others. The first error in a definition depends on it.
_ORDER = ("btree", *_LATE)
_ID_KEY = {"_id": 1}


def register(kind: IndexKind) -> None:
    """Register a kind of index."""
    assert kind.name not in _KINDS, f"{kind.name} is registered twice"
    _KINDS[kind.name] = kind
    all_kinds.cache_clear()


@cache
def all_kinds() -> tuple[IndexKind, ...]:
    """Return all kinds of index."""
    for name in _LATE:
        _import_kind(name)
    return (*(_KINDS[name] for name in _ORDER), *(kind for name, kind in _KINDS.items() if name not in _ORDER))


def _import_kind(name: str) -> None:
    if name in _LATE:
        import_late(f"{__package__}.{_LATE[name]}")


def kind_of(key: dict[str, Any]) -> IndexKind:
    """Return the kind of index that a key pattern defines. The first field that selects a kind determines it. If no field does, it is a
    B-tree.
    """
    if key == _ID_KEY:  # the index of every collection
        return _KINDS["btree"]
    for path, direction in key.items():
        if type(direction) is str:
            _import_kind(direction)
        elif is_wildcard(path):
            _import_kind("wildcard")
        else:  # Only a name or a wildcard selects a kind.
            continue
        for kind in list(_KINDS.values()):
            if kind.claims(path, direction):
                return kind
    return _KINDS["btree"]


def is_kind_name(direction: str) -> bool:
    """Return whether a string in a key pattern is the name of an index kind."""
    # The path selects the wildcard index, not the direction.
    return (direction in _LATE and direction != "wildcard") or any(kind.claims("", direction) for kind in list(_KINDS.values()))
