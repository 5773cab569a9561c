"""The index options that collMod can change: hidden, expireAfterSeconds, prepareUnique, unique.

https://www.mongodb.com/docs/manual/reference/command/collMod/
"""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.bson import decode, encode
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.registry import Reply
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.errors import CommandError
from secantus_server.exec._prepare import id_document
from secantus_server.exec._scan import RecordScan
from secantus_server.exec._write import CollectionWriter
from secantus_server.index._index import Index
from secantus_server.index.build import make_index
from secantus_server.index.marks import read_marks
from secantus_server.index.spec import MAX_EXPIRE_S

ARGUMENTS = a.Arguments(
    "collMod.index",
    {
        "name": a.string(),
        "keyPattern": a.document(),
        "expireAfterSeconds": a.number(),
        "hidden": a.boolean(None),
        "unique": a.boolean(None),
        "prepareUnique": a.boolean(None),
    },
    generic=False,
)
# The old index, the new one, and the fields of the reply.
Outcome = tuple[Index | None, Index | None, Reply]

_CHANGES = ("expireAfterSeconds", "hidden", "unique", "prepareUnique")
# The default values of the options that an index may lack.
_FLAGS = dict.fromkeys(("hidden", "unique", "prepareUnique"), False)


def parse_change(spec: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
    """Check the argument `index` of collMod and return it.

    Raises:
        CommandError: 72 for contradictory arguments, 14, 40415.
    """
    args = ARGUMENTS.parse(spec)
    if args["name"] is None and args["keyPattern"] is None:
        raise CommandError(72, "must specify either index name or key pattern")
    if args["name"] is not None and args["keyPattern"] is not None:
        raise CommandError(72, "cannot specify both key pattern and name")
    given = [name for name in _CHANGES if args[name] is not None]
    if not given:
        raise CommandError(72, "no expireAfterSeconds, hidden, unique, or prepareUnique field")
    if dry_run and given != ["unique"]:
        raise CommandError(72, "dryRun mode is only for an index's conversion to unique")
    if args["unique"] is False:
        raise CommandError(2, "collMod does not support converting an index to non-unique")
    if args["expireAfterSeconds"] is not None and args["expireAfterSeconds"] < 0:
        raise CommandError(72, f"TTL index 'expireAfterSeconds' option cannot be less than 0. Value: {args['expireAfterSeconds']}")
    return args


def change_index(
    request: Request, transaction: CatalogTransaction, collection: Collection, args: dict[str, Any], *, dry_run: bool
) -> Outcome:
    """Return a changed version of the index that collMod specifies.

    Returns:
        The old index, the new index (both None if nothing changes), and the fields of the reply.

    Raises:
        CommandError: 27 IndexNotFound, 2, 72, 359 CannotConvertIndexToUnique, or the error of an index kind that cannot be unique.
    """
    index = _find(collection, args)
    if index.spec.get("clustered"):
        _refuse_clustered(collection, index, args)
    spec = dict(index.spec)
    reply: Reply = {}
    if args["expireAfterSeconds"] is not None:
        _change_expiry(index, spec, args["expireAfterSeconds"], reply)
    for option in ("hidden", "prepareUnique"):
        if args[option] is not None:
            _change_flag(index, spec, option, args[option], reply)
    if reply.get("prepareUnique_new"):
        index.kind.check({**spec, "unique": True})
    if "prepareUnique_new" in reply and len([name for name in _CHANGES if args[name] is not None]) > 1:
        raise CommandError(72, "prepareUnique cannot be combined with any other modification")
    if args["unique"] and not index.unique:
        return _convert(request, transaction, collection, index, spec, dry_run=dry_run)
    if not reply:
        return None, None, reply
    changed = make_index(spec, index.ident, index.multikey)
    read_marks(transaction.unit, changed)
    return index, changed, reply


def _find(collection: Collection, args: dict[str, Any]) -> Index:
    if args["name"] is not None:
        index = collection.index_named(args["name"])
        if index is None:
            raise CommandError(27, f"cannot find index {args['name']} for ns {collection.namespace}")
        return index
    key = args["keyPattern"]
    found = [index for index in collection.indexes if list(index.spec["key"].items()) == list(key.items())]
    if not found:
        raise CommandError(27, f"cannot find index {key} for ns {collection.namespace}")
    if len(found) > 1:
        names = ", ".join(index.name for index in found)
        raise CommandError(181, f"index keyPattern {key} matches {len(found)} indexes, must use index name. Conflicting indexes: {names}")
    return found[0]


def _refuse_clustered(collection: Collection, index: Index, args: dict[str, Any]) -> None:
    """Raise an error for a change of the `_id` index of a clustered collection."""
    if args["hidden"] is not None:
        raise CommandError(6011800, "The 'hidden' option is not supported for a clustered index")
    raise CommandError(27, f"cannot find index {index.name} for ns {collection.namespace}")


def _change_expiry(index: Index, spec: dict[str, Any], seconds: int, reply: Reply) -> None:
    if index.is_id:
        raise CommandError(72, "the _id field does not support TTL indexes")
    if len(spec["key"]) != 1:
        raise CommandError(72, "TTL indexes are single-field indexes, compound indexes do not support TTL")
    if "expireAfterSeconds" in spec:
        reply["expireAfterSeconds_old"] = Int64(a.whole_number(spec["expireAfterSeconds"]))
    spec["expireAfterSeconds"] = min(seconds, MAX_EXPIRE_S)
    reply["expireAfterSeconds_new"] = Int64(spec["expireAfterSeconds"])


def _change_flag(index: Index, spec: dict[str, Any], option: str, value: bool, reply: Reply) -> None:
    if option == "hidden" and index.is_id:
        raise CommandError(2, "can't hide _id index")
    old = bool(spec.get(option))
    if old == value:
        return
    spec.pop(option, None)
    if value:
        spec[option] = True
    reply[f"{option}_old"], reply[f"{option}_new"] = old, value


def _convert(
    request: Request, transaction: CatalogTransaction, collection: Collection, index: Index, spec: dict[str, Any], *, dry_run: bool
) -> Outcome:
    """Convert the index to a unique index. The index is rebuilt, because the entries of unique indexes have a different format."""
    if not index.spec.get("prepareUnique"):
        raise CommandError(72, "Cannot make index unique with 'prepareUnique=false'. Run collMod to set it first.")
    _check_duplicates(request, transaction, collection, index)
    if dry_run:
        return None, None, {}
    del spec["prepareUnique"]
    spec["unique"] = True
    unique = make_index(spec, request.services.engine.new_ident(), index.multikey)
    writer = CollectionWriter(transaction.unit, collection.ident, [])
    scan = RecordScan(collection.ident, None, request.operation.check)
    scan.attach(transaction.unit)
    for document in scan:
        writer.add_to_index(unique, document, scan.record_id)
    scan.close()
    transaction.changes.drop_index(index)
    return index, unique, {"unique_new": True}


def _check_duplicates(request: Request, transaction: CatalogTransaction, collection: Collection, index: Index) -> None:
    """Check that no two documents have the same key in an index.

    Raises:
        CommandError: 359, with the `_id`s of the documents that have the same key.
    """
    owners: dict[bytes, list[Any]] = {}
    scan = RecordScan(collection.ident, None, request.operation.check)
    scan.attach(transaction.unit)
    for document in scan:
        entries, _ = index.entries(document, scan.record_id)
        for key, _ in entries:
            owners.setdefault(key[: len(key) - 8], []).append(decode(id_document(document))["_id"])
    scan.close()
    violations = [{"ids": ids} for ids in owners.values() if len(ids) > 1]
    if violations:
        raise CommandError(359, "Cannot convert the index to unique. Please resolve conflicting documents before running collMod again.",
                           info={"violations": violations})  # fmt: skip


def oplog_command(collection: Collection, body: dict[str, Any], args: dict[str, Any]) -> bytes:
    """Return field `o` of the oplog entry for a collMod of an index. The index is identified by its name.

    Arguments:
        collection: the collection before the change.
        body: the command.
        args: the parsed arguments of the command.
    """
    o = _options_of(body)
    if args["index"] is not None:
        changes = {name: value for name, value in body["index"].items() if name in _CHANGES}
        o["index"] = {"name": _find(collection, args["index"]).name, **changes}
    return encode({"collMod": collection.name, **o})


def oplog_of_options(collection: Collection, body: dict[str, Any]) -> bytes:
    """Return field `o` of the oplog entry for a collMod, as the client sent the command."""
    return encode({"collMod": collection.name, **_options_of(body)})


def _options_of(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in a.GENERIC and key != "collMod"}


def state_before(collection: Collection, args: dict[str, Any]) -> bytes:
    """Return field `o2` of the oplog entry for a collMod: the options of the collection and of the index before the change.

    Arguments:
        args: the parsed arguments of the command.
    """
    o2: dict[str, Any] = {"collectionOptions_old": {"uuid": collection.uuid, **collection.options}}
    if args["index"] is not None:
        spec = {**_FLAGS, **_find(collection, args["index"]).spec}
        o2["indexOptions_old"] = {name: spec[name] for name in _CHANGES if args["index"][name] is not None and name in spec}
    return encode(o2)
