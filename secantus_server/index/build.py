"""Creates index objects from stored index definitions."""

from __future__ import annotations

from typing import Any, Final

from secantus_server.index._index import Index
from secantus_server.index.kinds.kind import IndexKind, kind_of
from secantus_server.modules import import_late
from secantus_server.mql._keys import KeyGenerator
from secantus_server.mql.collation import SORT_KEYS_VERSION, parse_collation
from secantus_server.mql.context import ParseContext

# The definition of the index on `_id` of a collection without options, and so of most indexes.
_ID_SPEC: Final = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
# The key generator of these indexes. Generators are immutable.
_ID_KEYS: Final = KeyGenerator([("_id", 1)], None)


def id_index(ident: int) -> Index:
    """Create the index on `_id` of a new collection without options.

    Arguments:
        ident: see `make_index`.
    """
    # Each index has its own definition.
    spec: dict[str, Any] = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
    return Index(spec, ident, kind_of(spec["key"]), _ID_KEYS, None, False)


def make_index(spec: dict[str, Any], ident: int, multikey: bool = False) -> Index:
    """Create an index object from a stored definition, without validating it. The definition was validated when the index was created.

    Arguments:
        spec: the definition in the format of listIndexes.
        ident: the prefix of the index's keys in the table of index entries.
        multikey: whether any document has more than one key in the index.
    """
    if spec == _ID_SPEC:
        return Index(spec, ident, kind_of(spec["key"]), _ID_KEYS, None, multikey)
    kind = kind_of(spec["key"])
    collation = parse_collation(spec.get("collation"))
    partial_filter = None
    if (partial := spec.get("partialFilterExpression")) is not None:
        parse_match = import_late("secantus_server.mql.match.language").parse_match
        partial_filter = parse_match(partial, ParseContext(collation=collation))
    generator = kind.generator(spec["key"], collation)
    return Index(spec, ident, kind, generator, partial_filter, multikey, kind.guard(spec), kind.extractor(spec))


def entries_version(kind: IndexKind, spec: dict[str, Any]) -> str:
    """Return the format version of an index's entries, which changes when existing entries must be rebuilt.

    The version string combines the version of the index kind with, if the index has a collation, the version of the sort keys.

    Arguments:
        spec: the stored definition.
    """
    version = kind.entries_version()
    return f"{version} collation {SORT_KEYS_VERSION}".lstrip() if "collation" in spec else version
