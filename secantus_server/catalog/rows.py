"""The encoding of the rows in the catalog table. Each row describes a collection or view."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from bson.binary import Binary

from secantus_server.bson import decode, encode
from secantus_server.catalog._collection_state import CollectionState
from secantus_server.catalog.collection import Collection
from secantus_server.index._index import Index
from secantus_server.index.build import entries_version, id_index, make_index
from secantus_server.index.kinds.kind import kind_of


def row_key(db: str, name: str) -> bytes:
    """Return the key of a namespace's row. The keys of one database's rows are adjacent."""
    return db.encode("utf-8", "surrogateescape") + b"\0" + name.encode("utf-8", "surrogateescape")


def database_range(db: str) -> tuple[bytes, bytes]:
    """Return the key range [lower, upper) of a database's rows."""
    name = db.encode("utf-8", "surrogateescape")
    return name + b"\0", name + b"\1"


def split_key(key: bytes) -> tuple[str, str]:
    """Return the database and collection name encoded in a row's key."""
    db, _, name = key.partition(b"\0")
    return db.decode("utf-8", "surrogateescape"), name.decode("utf-8", "surrogateescape")


def encode_row(collection: Collection, multikey: Sequence[Index] = ()) -> bytes:
    """Encode the row that describes a collection in its current state.

    Arguments:
        multikey: indexes to store as multikey even if their flags are not yet set in memory.
    """
    indexes = []
    for index in collection.indexes:
        is_multikey = index.multikey or index in multikey
        entry = {"spec": index.spec, "ident": index.ident, "kind": index.kind.name, "multikey": is_multikey}
        version = entries_version(index.kind, index.spec)
        if version:
            entry["entries"] = version
        indexes.append(entry)
    row = {"uuid": collection.uuid, "ident": collection.ident, "options": collection.options, "indexes": indexes}
    if collection.search_indexes:
        row["search"] = list(collection.search_indexes)
    return encode(row)


def plain_row(collection: CollectionState) -> bytes:
    """Encode the row of a collection that has no options, and only the index on `_id`, without multikey entries. The row is equal to that
    of `encode_row`.
    """
    before, between, last, after = _plain_parts()
    idents = collection.ident.to_bytes(4, "little"), collection.indexes[0].ident.to_bytes(4, "little")
    return b"".join((before, collection.uuid, between, idents[0], last, idents[1], after))


@cache
def _plain_parts() -> tuple[bytes, bytes, bytes, bytes]:
    """Return the parts of the row of a collection without options: the UUID and the two idents are between them."""
    uuid, ident, index_ident = b"\xfe" * 16, 0x7EFEFEFE, 0x7DFDFDFD
    row = encode_row(Collection("", "", Binary(uuid, 4), ident, {}, [id_index(index_ident)]))
    before, rest = row.split(uuid)
    between, rest = rest.split(ident.to_bytes(4, "little"))
    last, after = rest.split(index_ident.to_bytes(4, "little"))
    return before, between, last, after


def decode_row(key: bytes, row: bytes) -> Collection:
    """Return the collection that a row describes."""
    db, name = split_key(key)
    fields = decode(row)
    indexes = [_index(entry) for entry in fields["indexes"]]
    return Collection(db, name, fields["uuid"], fields["ident"], fields["options"], indexes, fields.get("search", ()))


def outdated_indexes(row: bytes) -> list[str]:
    """Return the names of the indexes whose stored entries have the format of another program version."""
    return [
        entry["spec"]["name"]
        for entry in decode(row)["indexes"]
        if entry.get("entries", "") != entries_version(kind_of(entry["spec"]["key"]), entry["spec"])
    ]


def _index(entry: dict[str, Any]) -> Index:
    return make_index(entry["spec"], entry["ident"], entry["multikey"])
