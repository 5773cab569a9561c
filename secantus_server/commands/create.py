"""create. https://www.mongodb.com/docs/manual/reference/command/create/"""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.bson import encode
from secantus_server.catalog.catalog import Catalog
from secantus_server.catalog.collection import Collection
from secantus_server.commands import arguments as a
from secantus_server.commands.names import check_new_collection_name, collection_name
from secantus_server.commands.registry import Reply, command
from secantus_server.commands.request import Request
from secantus_server.commands.services import Services
from secantus_server.errors import CommandError, not_supported
from secantus_server.index.build import make_index
from secantus_server.mql.collation import parse_collation
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.oplog.oplog import Entry

MAX_CAPPED_SIZE = 2**50

FIELDS = {
    "capped": a.boolean(None),
    "size": a.number(),
    "max": a.number(),
    "viewOn": a.string(),
    "pipeline": a.array(),
    "validator": a.document(),
    "validationLevel": a.string(),
    "validationAction": a.string(),
    "collation": a.document(),
    "storageEngine": a.document(),
    "indexOptionDefaults": a.document(),
    "changeStreamPreAndPostImages": a.document(),
    "clusteredIndex": a.anything(),
    "timeseries": a.document(),
    "expireAfterSeconds": a.anything(),
    "autoIndexId": a.boolean(None),
    "idIndex": a.document(),
    "encryptedFields": a.document(),
    "temp": a.boolean(None),
    "flags": a.anything(),
    "recordIdsReplicated": a.boolean(None),
}


@command("create", FIELDS, in_api_v1=True, is_write=True)
def create(request: Request, args: dict[str, Any]) -> Reply:
    """Create a collection or view."""
    name = collection_name("create", request.db, request.body[request.name])
    check_new_collection_name(request.db, name)
    options = collection_options(request, name, args)
    create_collection(request.services, request.db, name, options)
    return {}


def collection_options(request: Request, name: str, args: dict[str, Any]) -> dict[str, Any]:
    """What is kept of create's arguments, as listCollections shows it.

    Raises:
        CommandError: the arguments do not go together, or are not supported.
    """
    for option in ("timeseries", "encryptedFields"):
        if args[option] is not None:
            raise not_supported(f"create with {option}", "create an ordinary collection")
    if args["clusteredIndex"] is not None:
        raise not_supported("a clustered collection", "create an ordinary collection")
    options: dict[str, Any] = {}
    _capped(args, options)
    _view(request, name, args, options)
    _validator(args, options)
    if args["collation"]:
        parse_collation(args["collation"])
        options["collation"] = args["collation"]
    for option in ("storageEngine", "indexOptionDefaults", "changeStreamPreAndPostImages"):
        if args[option]:
            options[option] = args[option]
    if args["expireAfterSeconds"] is not None:
        raise CommandError(72, "'expireAfterSeconds' is only supported on time-series collections or when the 'clusteredIndex' option is specified")
    return options


def _capped(args: dict[str, Any], options: dict[str, Any]) -> None:
    if not args["capped"]:
        if args["max"] is not None and args["capped"] is None and args["size"] is None:
            raise CommandError(72, "the 'max' field requires the 'capped' field to be true")
        if args["size"] is not None and args["capped"] is None:
            raise CommandError(72, "the 'size' field requires the 'capped' field to be true")
        return
    if args["size"] is None:
        raise CommandError(72, "the 'size' field is required when 'capped' is true")
    if args["viewOn"] is not None:
        raise CommandError(72, "Cannot specify both 'viewOn' and 'capped'")
    if not 1 <= args["size"] <= MAX_CAPPED_SIZE:
        raise CommandError(51024, f"BSON field 'size' value must be >= 1, actual value '{args['size']}'")
    options["capped"] = True
    options["size"] = _number((args["size"] + 255) // 256 * 256)
    if args["max"]:
        options["max"] = _number(args["max"])


def _number(value: int) -> int | Int64:
    return value if value < 2**31 else Int64(value)


def _view(request: Request, name: str, args: dict[str, Any], options: dict[str, Any]) -> None:
    if args["viewOn"] is None:
        if args["pipeline"] is not None:
            raise CommandError(72, "'pipeline' requires 'viewOn' to also be specified")
        return
    if not args["viewOn"]:
        raise CommandError(2, "'viewOn' cannot be empty")
    for option in ("validator", "validationLevel", "validationAction"):
        if args[option] is not None:
            raise CommandError(72, f"Cannot specify '{option}' with 'viewOn'")
    pipeline = args["pipeline"] or []
    for stage in pipeline:
        if type(stage) is not dict:
            raise CommandError(14, "Each element of the 'pipeline' array must be an object")
    check_view(request, name, args["viewOn"], pipeline)
    options["viewOn"] = args["viewOn"]
    options["pipeline"] = pipeline


def check_view(request: Request, name: str, view_on: str, pipeline: list[dict[str, Any]]) -> None:
    """Hold a view's definition to the rules.

    Raises:
        CommandError: the pipeline is not valid, writes, or leads back to the view.
    """
    from secantus_server.commands.aggregate import check_view_pipeline

    seen = {name}
    source: Collection | None = request.services.catalog.find(request.db, view_on)
    while True:
        if view_on in seen:
            raise CommandError(165, f"View cycle detected: {request.db}.{name} -> {request.db}.{view_on}")
        seen.add(view_on)
        if source is None or not source.is_view:
            break
        view_on = source.options["viewOn"]
        source = request.services.catalog.find(request.db, view_on)
    if len(seen) > 20:
        raise CommandError(205, "View depth too deep or view cycle detected; maximum depth is 20")
    check_view_pipeline(request, name, pipeline)


def _validator(args: dict[str, Any], options: dict[str, Any]) -> None:
    if args["validator"]:
        parse_match(args["validator"], ParseContext())
        options["validator"] = args["validator"]
    for option, allowed in (("validationLevel", ("off", "strict", "moderate")), ("validationAction", ("error", "warn", "errorAndLog"))):
        value = args[option]
        if value is None:
            if args["validator"]:
                options[option] = allowed[1] if option == "validationLevel" else allowed[0]
            continue
        if value not in allowed:
            raise CommandError(2, f"Enumeration value '{value}' for field 'create.{option}' is not a valid value.")
        options[option] = value


def create_collection(services: Services, db: str, name: str, options: dict[str, Any], *, if_missing: bool = False) -> Collection:
    """Make a collection or view, with its index on `_id`.

    Arguments:
        if_missing: a collection of this name is given back as it is.

    Raises:
        CommandError: 48 NamespaceExists, 73 InvalidNamespace.
    """
    check_new_collection_name(db, name)
    check_database_case(services.catalog, db)
    with services.catalog.changing() as change:
        existing = services.catalog.find(db, name)
        if existing is not None:
            if if_missing:
                return existing
            _check_same(existing, options)
            return existing
        is_view = "viewOn" in options
        id_index = make_index({"v": 2, "key": {"_id": 1}, "name": "_id_"}, services.engine.new_ident()) if not is_view else None
        ident = 0 if is_view else services.engine.new_ident()
        collection = Collection(db, name, services.catalog.new_uuid(), ident, options, [id_index] if id_index else [])
        collection.next_record_id(0)
        collection.remember_count(0, 0)
        change.save(collection)
        entry = Entry(f"{db}.$cmd", collection.uuid, encode({"create": name, **options}))
        services.oplog.commit(change.unit, [entry])
    return collection


def check_database_case(catalog: Catalog, db: str) -> None:
    """Refuse a database whose name differs from another's in nothing but case.

    Raises:
        CommandError: 13297 DatabaseDifferCase.
    """
    names = catalog.databases()
    if db not in names and (other := next((name for name in names if name.lower() == db.lower()), None)) is not None:
        raise CommandError(13297, f"db already exists with different case already have: [{other}] trying to create [{db}]")


def _check_same(existing: Collection, options: dict[str, Any]) -> None:
    """Creating a collection again with the same options changes nothing."""
    if encode(existing.options) != encode(options):
        kind = "view" if existing.is_view else "collection"
        shown = existing.options
        raise CommandError(48, f"namespace {existing.namespace} already exists, but with different options: {shown}" if kind == "collection"
                           else f"A view already exists. NS: {existing.namespace}")
