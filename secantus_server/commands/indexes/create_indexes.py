"""createIndexes. https://www.mongodb.com/docs/manual/reference/command/createIndexes/"""

from __future__ import annotations

from functools import partial
from typing import Any

from bson.binary import Binary

from secantus_server.bson import encode
from secantus_server.bson.shell import document_text
from secantus_server.bson.values import is_number, type_name
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.diagnostics.crash_points import reach
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import InTransaction, Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.errors import CommandError
from secantus_server.exec._index_build import fill_indexes
from secantus_server.exec._scan import RecordScan
from secantus_server.exec._write import CollectionWriter
from secantus_server.exec.interruption import never_interrupt
from secantus_server.index._index import Index
from secantus_server.index.build import make_index
from secantus_server.index.errors import DuplicateKey
from secantus_server.index.key_pattern import direction
from secantus_server.index.kinds.kind import kind_of
from secantus_server.index.spec import check_id_collation, check_kind_has_collations, check_requested, is_on_id, known_options
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.oplog.oplog import Entry
from secantus_server.query.predicates import conjuncts
from secantus_server.reserved_names import VIEWS
from secantus_server.work.collections import (
    check_database_case,
    check_namespace,
    create_collection,
    log_creation,
    new_collection,
    recall,
)
from secantus_server.work.timeseries_indexes import bucket_index
from secantus_server.work.writers.buckets import check_bounds, measured_paths
from secantus_server.work.writing import check_not_view

MAX_INDEXES = 64
# The maximum number of members of a replica set.
MAX_MEMBERS = 50
_QUORUM_MODES = ("votingMembers", "majority")
# Options that distinguish indexes with the same key pattern.
_IDENTITY = ("unique", "sparse", "collation", "wildcardProjection")


@command(
    "createIndexes",
    {"indexes": a.documents(required=True), "commitQuorum": a.anything(), "ignoreUnknownIndexOptions": a.boolean()},
    in_api_v1=True,
    is_write=True,
    in_transaction=InTransaction.YES,
    privileges=on_collection("createIndex"),
)
def create_indexes(request: Request, args: dict[str, Any]) -> Reply:
    """Create indexes."""
    name = collection_name("createIndexes", request.db, request.body[request.name])
    if name == VIEWS:
        raise CommandError(67, f"Cannot create an index on the collection {request.db}.{name}")
    if not args["indexes"]:
        raise CommandError(2, "Must specify at least one index to create")
    given = args["indexes"]
    if args["ignoreUnknownIndexOptions"]:
        given = list(map(known_options, given))
    specs = [check_requested(spec, request.services.release) for spec in given]
    check_commit_quorum(args["commitQuorum"])
    recall(request.services, request.db, name)
    reply = _create(request, name, specs)
    if request.services.settings.replica_set:
        reply["commitQuorum"] = args["commitQuorum"] if args["commitQuorum"] is not None else "votingMembers"
    return reply


def _create(request: Request, name: str, specs: list[dict[str, Any]]) -> Reply:
    """Create the indexes, and the collection if it does not exist.

    Outside a multi-document transaction, an index is created with exclusive access to the store. Otherwise an open transaction, which
    does not see the new index yet, could write documents without index entries. A missing collection is created with its indexes, or
    before exclusive access is acquired. The reason is that its creation may have to wait for another transaction that creates the same
    collection, and no transaction can end during exclusive access.
    """
    is_created, in_session = False, request.transaction is not None

    def body(transaction: CatalogTransaction) -> Reply | None:
        collection, own_specs = _stored(transaction.catalog, request.db, name, specs)
        return None if collection is None else _create_new(request, transaction, collection, own_specs, is_created=is_created)

    while True:
        with request.work.reading() as transaction:
            found, own_specs = _stored(transaction.catalog, request.db, name, specs)
        if found is None:
            if not in_session and (reply := _create_together(request, name, own_specs)) is not None:
                return reply
            is_created = _create_missing(request, name) or is_created
        elif not choose_new(found, own_specs):
            return _reply(found, 0, is_created=is_created)
        namespaces = [(request.db, name if found is None else found.name)]
        reply = request.work.change_catalog(body, request.operation.check, exclusive=not in_session, namespaces=namespaces)
        # None means that the collection was dropped after it had been found or created. Try again.
        if reply is not None:
            return reply


def _create_missing(request: Request, name: str) -> bool:
    """Create a collection if it is still missing. Return whether this command has created it."""
    work = None if request.transaction is None else request.work
    uuid = request.services.catalog.new_uuid()
    return create_collection(request.services, request.db, name, {}, if_missing=True, work=work, uuid=uuid).uuid == uuid


def _create_together(request: Request, name: str, specs: list[dict[str, Any]]) -> Reply | None:
    """Create a collection together with its indexes, in one transaction. Return None if the steps must be separate.

    No other transaction sees the collection before the commit, so this needs no exclusive access. The steps are separate if the collection
    exists meanwhile or a restore retained its definition, and after an error in the definitions, because the collection then remains.
    """
    services, db = request.services, request.db
    check_namespace(services, db, name)

    def body(transaction: CatalogTransaction) -> Reply | None:
        if transaction.catalog.find(db, name) is not None or services.catalog.kept_definition(db, name) is not None:
            return None
        check_database_case(services.catalog, db)
        collection = new_collection(services, db, name, {})
        try:
            new = choose_new(collection, specs)
        except CommandError:
            return None
        reply = _reply(collection, len(new), is_created=True)
        collection.indexes += [make_index(spec, services.engine.new_ident()) for spec in new]
        reach("index-build")
        transaction.changes.save(collection)
        log_creation(transaction, collection)
        return reply

    return request.work.change_catalog(body, request.operation.check)


def _stored(catalog: CatalogView, db: str, name: str, specs: list[dict[str, Any]]) -> tuple[Collection | None, list[dict[str, Any]]]:
    """Return the collection that stores the indexes, and the index definitions as they are stored.

    The collection is None if it does not exist. For a time-series collection, return the buckets collection.

    Raises:
        CommandError: 166 CommandNotSupportedOnView, and the errors of `bucket_index`.
    """
    collection = catalog.find(db, name)
    if collection is None or not collection.is_timeseries:
        check_not_view(collection)
        return collection, specs
    buckets = catalog.find(db, collection.options["viewOn"])
    assert buckets is not None, "a time series has buckets"
    return buckets, [bucket_index(collection, spec) for spec in specs]


def _create_new(
    request: Request, transaction: CatalogTransaction, collection: Collection, specs: list[dict[str, Any]], *, is_created: bool
) -> Reply:
    """Create the given indexes, except for indexes that already exist.

    Arguments:
        is_created: whether the command has created the collection.
    """
    new = choose_new(collection, specs)
    if new:
        if request.transaction is not None and (not transaction.catalog.has_created(collection) or _has_documents(collection, transaction)):
            text = f"Cannot create new indexes on existing collection {collection.namespace} in a multi-document transaction."
            raise CommandError(263, text)
        build_indexes(request, collection, new, transaction)
    return _reply(collection, len(new), is_created=is_created)


def _reply(before: Collection, created: int, *, is_created: bool) -> Reply:
    count = len(before.counted_indexes)
    reply: Reply = {"numIndexesBefore": count, "numIndexesAfter": count + created, "createdCollectionAutomatically": is_created}
    return reply if created else {**reply, "note": "all indexes already exist"}


def _has_documents(collection: Collection, transaction: CatalogTransaction) -> bool:
    """Return whether a transaction sees at least one document in a collection."""
    scan = RecordScan(collection.ident, None, never_interrupt)
    scan.attach(transaction.unit)
    try:
        return next(scan, None) is not None
    finally:
        scan.close()


def check_commit_quorum(quorum: Any) -> None:
    """Raise an error for a commit quorum that a replica set of one member cannot meet.

    Raises:
        CommandError: 79 UnknownReplWriteConcern for an unknown mode, 278 for too many members, 14, 9.
    """
    if quorum is None:
        return
    if type(quorum) is str:
        if quorum not in _QUORUM_MODES:
            raise CommandError(79, f"No write concern mode named '{quorum}' found in replica set configuration")
        return
    if not is_number(quorum):
        raise CommandError(14, f"commitQuorum must be a string or a number, but got {type_name(quorum)}")
    if not 0 <= a.whole_number(quorum) <= MAX_MEMBERS:
        raise CommandError(9, f"commitQuorum has to be a non-negative number and not greater than {MAX_MEMBERS}")
    if a.whole_number(quorum) > 1:
        raise CommandError(278, f"Commit quorum cannot be satisfied with the current replica set configuration: {quorum} of 1 member")


def _with_collation(collection: Collection, spec: dict[str, Any]) -> dict[str, Any]:
    """Return an index definition with its collation, which defaults to the collection's collation. Omit the simple collation.

    Raises:
        CommandError: 67 if this kind of index cannot have a collation, 2 if the `_id` index has a different collation than the
            collection.
    """
    own = collection.options.get("collation")
    if is_on_id(spec["key"]):
        check_id_collation(spec, own)
    given = spec.get("collation", own)
    complete = {key: value for key, value in spec.items() if key != "collation"}
    if given is not None and given["locale"] != "simple":
        check_kind_has_collations(kind_of(spec["key"]), given)
        complete["collation"] = given
    return complete


def choose_new(collection: Collection, specs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the definitions of the indexes that do not exist yet, with defaults filled in from the collection.

    Raises:
        CommandError: 85 or 86 for a conflict with an existing index, 67 for too many indexes, or an error of `_with_collation`.
    """
    specs = [_with_collation(collection, spec) for spec in specs]
    have = [index.spec for index in collection.indexes]
    new: list[dict[str, Any]] = []
    for spec in specs:
        if not any(_same_index(spec, other, new) for other in [*have, *new]):
            _check_only_one(spec, [*have, *new])
            new.append(spec)
    if len(have) + len(new) > MAX_INDEXES:
        raise CommandError(67, f"add index fails, too many indexes for {collection.namespace} key:{document_text(specs[-1]['key'])}")
    return new


def _check_only_one(spec: dict[str, Any], others: list[dict[str, Any]]) -> None:
    """Raise an error for a second index of a kind that a collection may have only once."""
    kind = kind_of(spec["key"])
    if not kind.one_per_collection:
        return
    for other in others:
        if kind_of(other["key"]) is kind:
            text = f'only one {kind.name} index per collection allowed, found existing {kind.name} index "{other["name"]}"'
            raise CommandError(67, text)


def _same_index(spec: dict[str, Any], other: dict[str, Any], new: list[dict[str, Any]]) -> bool:
    """Return whether two definitions describe the same index.

    Raises:
        CommandError: if the definitions describe different indexes that cannot coexist in a collection.
    """
    if spec["name"] != other["name"] and list(spec["key"]) != list(other["key"]):
        return False
    same_key = encode(_plain_key(spec["key"])) == encode(_plain_key(other["key"]))
    same_identity = _identity(spec) == _identity(other)
    if list(spec["key"]) == ["_id"] and same_key:
        return True
    if spec["name"] == other["name"]:
        if same_key and same_identity and _same_rest(spec, other):
            if other in new:
                raise CommandError(68, f"Identical index already exists: {spec['name']}")
            return True
        if same_key and same_identity:
            raise CommandError(85, _different("An equivalent index already exists with the same name but different options.", spec, other))
        raise CommandError(86, _different("An existing index has the same name as the requested index.", spec, other, names=True))
    if same_key and same_identity:
        if _same_rest(spec, other):
            raise CommandError(85, f"Index already exists with a different name: {other['name']}")
        raise CommandError(85, _different("An equivalent index already exists with a different name and options.", spec, other))
    return False


def _identity(spec: dict[str, Any]) -> tuple[bytes, list[bytes] | None]:
    """Return the parts of a definition that distinguish indexes on the same key. They are the encoded options and the conditions of the
    partial filter in canonical order.
    """
    partial = spec.get("partialFilterExpression")
    conditions = None if partial is None else sorted(encode(node.serialize()) for node in conjuncts(parse_match(partial, ParseContext())))
    return encode({name: spec.get(name) for name in _IDENTITY}), conditions


def _plain_key(key: dict[str, Any]) -> dict[str, Any]:
    return {path: value if type(value) is str else direction(value) for path, value in key.items()}


def _same_rest(spec: dict[str, Any], other: dict[str, Any]) -> bool:
    ignored = {"name", "key", "v", "background", "partialFilterExpression", *_IDENTITY}
    return {k: v for k, v in spec.items() if k not in ignored} == {k: v for k, v in other.items() if k not in ignored}


def _different(start: str, spec: dict[str, Any], other: dict[str, Any], names: bool = False) -> str:
    if names:
        start += " When index names are not specified, they are auto generated and can cause conflicts. Please refer to our documentation."
    return f"{start} Requested index: {document_text(spec)}, existing index: {document_text(other)}"


def build_indexes(request: Request, collection: Collection, specs: list[dict[str, Any]], transaction: CatalogTransaction) -> None:
    """Create and build indexes. If one build fails, create no index.

    Raises:
        CommandError: 11000 for a duplicate key of a unique index, or the error of a document that cannot be indexed.
    """
    services = request.services
    built = [make_index(spec, services.engine.new_ident()) for spec in specs]
    writer = CollectionWriter(transaction.unit, collection.ident, [index for index in collection.indexes if index.is_id])
    scan = RecordScan(collection.ident, None, request.operation.check)
    scan.attach(transaction.unit)
    try:
        _fill(writer, collection, built, scan)
    except CommandError as error:
        if request.operation.is_ended_by(error):
            raise
        where = f"Collection {collection.namespace} ( {_text(collection.uuid)} )"
        build = _text(services.catalog.new_uuid())
        raise error.with_message(f"Index build failed: {build}: {where} :: caused by :: {error.message}") from None
    finally:
        scan.close()
    for index in writer.became_multikey:
        index.multikey = True
    reach("index-build")
    transaction.changes.save(collection.replaced(indexes=[*collection.indexes, *built]))
    for index in built:
        transaction.log(Entry(f"{collection.db}.$cmd", collection.uuid, encode({"createIndexes": collection.name, **index.spec})))


def _text(uuid: Binary) -> str:
    return str(uuid.as_uuid())


def _fill(writer: CollectionWriter, collection: Collection, built: list[Index], scan: RecordScan) -> None:
    """Add index entries for every scanned document to the new indexes.

    Raises:
        CommandError: 11000 for the smallest duplicate key of the first index with a duplicate, or the error of a document that cannot be
            indexed.
    """
    paths = measured_paths(built) if collection.holds_buckets else []
    try:
        fill_indexes(writer, built, scan, partial(check_bounds, paths=paths) if paths else None)
    except DuplicateKey as error:
        raise error.as_command_error(collection.namespace) from None
