"""collMod. https://www.mongodb.com/docs/manual/reference/command/collMod/"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.privileges import Grants
from secantus_server.bson import int_value
from secantus_server.bson.values import Date
from secantus_server.catalog.collection import Collection
from secantus_server.commands.collections.coll_mod_index import (
    change_index,
    oplog_command,
    oplog_of_options,
    parse_change,
    state_before,
)
from secantus_server.commands.collections.coll_mod_timeseries import check_timeseries_kind, modify_timeseries
from secantus_server.commands.collections.constraint_level import change_to_constraint
from secantus_server.commands.collections.create_options import MAX_CAPPED_COUNT, MAX_CAPPED_SIZE, check_pre_images
from secantus_server.commands.collections.validator_options import CONSTRAINT, PREPARED, check_validation, check_validator
from secantus_server.commands.collections.views import check_view
from secantus_server.differences import CONSTRAINT_LEVEL
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import check_collection_uuid, collection_name, is_oplog
from secantus_server.dispatch.privileges import Authorized, collection_of, on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.errors import CommandError
from secantus_server.oplog.oplog import Entry
from secantus_server.work.collections import recall
from secantus_server.work.pipeline_privileges import may_read_view
from secantus_server.work.special_collections import change_expiry, check_buckets


def _expiry(name: str, value: Any) -> Any:
    if type(value) is str:
        return value
    return a.integer()(name, value)


FIELDS = {
    "index": a.document(),
    "validator": a.document(),
    "validationLevel": a.string(),
    "validationAction": a.string(),
    "viewOn": a.string(),
    "pipeline": a.array(),
    "cappedSize": a.number(minimum=1, maximum=MAX_CAPPED_SIZE),
    "cappedMax": a.number(maximum=MAX_CAPPED_COUNT),
    "changeStreamPreAndPostImages": a.document(),
    "expireAfterSeconds": a.Field(_expiry, null_is_absent=False),
    "timeseries": a.document(),
    "dryRun": a.boolean(),
    "collectionUUID": a.uuid(),
    "recordPreImages": a.anything(),
    PREPARED: a.boolean(None),
}
_NOT_FOR_VIEWS = (
    "index", "validator", "validationLevel", "validationAction", "cappedSize", "cappedMax", "changeStreamPreAndPostImages",
    "expireAfterSeconds", "timeseries",
)  # fmt: skip


def _may_modify(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may read the collections that a view reads after the requested change."""
    body = call.body
    if body.get("viewOn") is None and body.get("pipeline") is None:
        return True
    found = call.services.catalog.find(call.db, collection_of(call))
    options = found.options if found is not None and found.is_view else {}
    return may_read_view(call, grants, body.get("viewOn") or options.get("viewOn"), body.get("pipeline") or options.get("pipeline"))


@command("collMod", FIELDS, in_api_v1=True, is_write=True, privileges=on_collection("collMod", by_arguments=("find",), check=_may_modify))
def coll_mod(request: Request, args: dict[str, Any]) -> Reply:
    """Change the options of a collection or view, or of one of a collection's indexes."""
    name = collection_name("collMod", request.db, request.body[request.name])
    _check_arguments(request, name, args)
    recall(request.services, request.db, name)

    # Exclusive access ensures that every transaction sees the collection either before or after the change.
    def body(transaction: CatalogTransaction) -> Reply:
        check_collection_uuid(transaction.catalog, request.db, name, args["collectionUUID"])
        collection = transaction.catalog.find(request.db, name)
        if collection is None and is_oplog(request.db, name) and request.services.settings.replica_set:
            raise CommandError(72, f"collMod cannot change the oplog {request.db}.{name}; use replSetResizeOplog")
        if collection is None:
            raise CommandError(26, f"ns does not exist: {request.db}.{name}")
        _check_kind(collection, args)
        if collection.is_timeseries:
            transaction.log(Entry(f"{request.db}.$cmd", collection.uuid, oplog_of_options(collection, request.body)))
            return modify_timeseries(request, transaction, collection, args)
        options = _view_options(request, collection, args) if collection.is_view else _options(collection, args, request.now)
        if CONSTRAINT in (options.get("validationLevel"), collection.options.get("validationLevel")) or args[PREPARED] is not None:
            change_to_constraint(request, transaction, collection, options, args)
        reply = _save(request, transaction, collection, options, args)
        if not args["dryRun"]:
            o = oplog_command(collection, request.body, args)
            transaction.log(Entry(f"{request.db}.$cmd", collection.uuid, o, state_before(collection, args)))
        return reply

    return request.work.change_catalog(body, request.operation.check, exclusive=True, namespaces=[(request.db, name)])


def _check_arguments(request: Request, name: str, args: dict[str, Any]) -> None:
    """Check those arguments of collMod whose validity does not depend on the collection."""
    for option in ("validationLevel", "validationAction"):
        check_validation("collMod", option, args[option], request.services.release)
    if args["validator"] is not None:
        check_validator(request.db, name, args["validator"], request.services.release)
    if args[PREPARED] is not None and not request.services.release.has(CONSTRAINT_LEVEL):
        raise CommandError(40415, f"BSON field 'collMod.{PREPARED}' is an unknown field.")
    if args["changeStreamPreAndPostImages"] is not None:
        check_pre_images(request.db, args["changeStreamPreAndPostImages"])
    if args["index"] is not None:
        args["index"] = parse_change(args["index"], dry_run=args["dryRun"])
    elif args["dryRun"]:
        raise CommandError(72, "dryRun mode is only for an index's conversion to unique")
    if args["viewOn"] is not None:
        if not args["viewOn"]:
            raise CommandError(2, "The viewOn field cannot be empty")
        collection_name("collMod", request.db, args["viewOn"])


def _check_kind(collection: Collection, args: dict[str, Any]) -> None:
    """Raise an error for an option that is not valid for this kind of collection.

    Raises:
        CommandError: 72 InvalidOptions.
    """
    if collection.is_timeseries:
        check_timeseries_kind(args)
        return
    if collection.is_view:
        for option in _NOT_FOR_VIEWS:
            if args[option] is not None:
                raise CommandError(72, f"option not supported on a view: {option}")
        return
    for option in ("viewOn", "pipeline"):
        if args[option] is not None:
            raise CommandError(72, f"'{option}' option is only supported on a view")
    for option in ("cappedSize", "cappedMax"):
        if args[option] is not None and not collection.is_capped:
            raise CommandError(72, f"option '{option}' is only supported on a capped collection")
    if args["timeseries"] is not None:
        check_buckets(args["timeseries"])
        raise CommandError(72, "option only supported on a time-series collection: timeseries")
    if args["expireAfterSeconds"] is not None and not collection.is_clustered:
        raise CommandError(72, "'expireAfterSeconds' option is only supported on collections clustered by _id")


def _view_options(request: Request, collection: Collection, args: dict[str, Any]) -> dict[str, Any]:
    options = dict(collection.options)
    for option in ("viewOn", "pipeline"):
        if args[option] is not None:
            options[option] = args[option]
    check_view(request, collection.name, options["viewOn"], options["pipeline"])
    return options


def _options(collection: Collection, args: dict[str, Any], now: Date) -> dict[str, Any]:
    options = dict(collection.options)
    for option in ("validationLevel", "validationAction"):
        if args[option] is not None:
            options[option] = args[option]
    if args["validator"]:
        options["validator"] = args["validator"]
        options.setdefault("validationLevel", "strict")
        options.setdefault("validationAction", "error")
    elif args["validator"] is not None:
        options.pop("validator", None)
    if args["cappedSize"] is not None:
        options["size"] = int_value(args["cappedSize"])
    if args["cappedMax"] is not None:
        options.pop("max", None)
        if args["cappedMax"] > 0:
            options["max"] = int_value(args["cappedMax"])
    if args["expireAfterSeconds"] is not None:
        change_expiry(options, args["expireAfterSeconds"], now)
    images = args["changeStreamPreAndPostImages"]
    if images is not None:
        options.pop("changeStreamPreAndPostImages", None)
        if images["enabled"]:
            options["changeStreamPreAndPostImages"] = images
    return options


def _save(
    request: Request, transaction: CatalogTransaction, collection: Collection, options: dict[str, Any], args: dict[str, Any]
) -> Reply:
    reply: Reply = {}
    indexes = collection.indexes
    if args["index"] is not None:
        old, new, reply = change_index(request, transaction, collection, args["index"], dry_run=args["dryRun"])
        if old is not None and new is not None:
            indexes = [new if index is old else index for index in indexes]
    transaction.changes.save(collection.replaced(options=options, indexes=indexes))
    return reply
