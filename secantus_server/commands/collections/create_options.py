"""The arguments of create, and their conversion to the collection's options.

https://www.mongodb.com/docs/manual/reference/command/create/
"""

from __future__ import annotations

import re
from typing import Any

from bson.int64 import Int64

from secantus_server.bson import encode, int_value
from secantus_server.bson.shell import document_text
from secantus_server.bson.values import Date, is_number
from secantus_server.catalog.timeseries import complete_options, view_options
from secantus_server.commands.collections.encrypted_fields import check_encrypted_fields
from secantus_server.commands.collections.validator_options import check_constraint, check_validation, check_validator
from secantus_server.commands.collections.views import check_view
from secantus_server.differences import TIMESERIES_NAMES
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported
from secantus_server.index.spec import check_id_collation, check_id_options, check_spec
from secantus_server.mql.collation import parse_collation
from secantus_server.reserved_names import INTERNAL_DATABASES
from secantus_server.work.special_collections import check_clustered, check_timeseries, clustered_index, parse_timeseries

MAX_CAPPED_SIZE = 2**50
MAX_CAPPED_COUNT = 2**31 - 1
# The options that a configuration string of a WiredTiger table may contain:
# https://source.wiredtiger.com/11.3.1/struct_w_t___s_e_s_s_i_o_n.html
WIREDTIGER_OPTIONS = frozenset(
    """access_pattern_hint allocation_size app_metadata assert block_allocation block_compressor cache_resident checksum colgroups
    collator columns dictionary encryption exclusive extractor format huffman_key huffman_value ignore_in_memory_cache_size immutable
    import internal_item_max internal_key_max internal_key_truncate internal_page_max key_format key_gap leaf_item_max leaf_key_max
    leaf_page_max leaf_value_max log lsm memory_page_image_max memory_page_max os_cache_dirty_max os_cache_max prefix_compression
    prefix_compression_min source split_deepen_min_child split_deepen_per_child split_pct tiered_storage type value_format verbose
    write_timestamp_usage""".split()
)
MAX_VIEW_BYTES = 16_000_000
# A configuration string that only chooses the block compression of a file. It is accepted but has no effect, because all collections share
# one table.
_COMPRESSION = re.compile(r"\s*block_compressor\s*=\s*(?:none|snappy|zlib|zstd)\s*,?\s*")


def _clustered_index(name: str, value: Any) -> Any:
    if type(value) is dict or type(value) is bool:
        return value
    if is_number(value):
        return a.truth(value)
    raise a.wrong_type(name, value, "[bool, int, decimal, long, double, object]")


def _expiry(name: str, value: Any) -> int:
    if not is_number(value):
        raise a.wrong_type(name, value, "[long, int, decimal, double]")
    return a.whole_number(value)


FIELDS = {
    "capped": a.boolean(),
    "size": a.number(minimum=1, maximum=MAX_CAPPED_SIZE),
    "max": a.number(maximum=MAX_CAPPED_COUNT),
    "viewOn": a.string(),
    "pipeline": a.array(),
    "validator": a.document(),
    "validationLevel": a.string(),
    "validationAction": a.string(),
    "collation": a.document(),
    "storageEngine": a.document(),
    "indexOptionDefaults": a.document(),
    "changeStreamPreAndPostImages": a.document(),
    "clusteredIndex": a.Field(_clustered_index, null_is_absent=False),
    "timeseries": a.document(),
    "expireAfterSeconds": a.Field(_expiry),
    "autoIndexId": a.boolean(None),
    "idIndex": a.document(),
    "encryptedFields": a.document(),
    "temp": a.boolean(None),
    "flags": a.anything(),
    "recordIdsReplicated": a.boolean(None),
}


_PRE_IMAGES = a.Arguments("create.changeStreamPreAndPostImages", {"enabled": a.Field(a.strict_boolean().check, None, True)}, generic=False)
_INDEX_DEFAULTS = a.Arguments("create.indexOptionDefaults", {"storageEngine": a.document()}, generic=False)


# The options that create accepts for a view, but does not store. MongoDB does the same.
_NOT_OF_VIEWS = ("capped", "size", "max", "validator", "validationLevel", "validationAction")


def collection_options(request: Request, name: str, args: dict[str, Any]) -> dict[str, Any]:
    """Convert create's arguments to the collection's options, in the format of listCollections.

    Raises:
        CommandError: if arguments are contradictory or not supported.
    """
    options: dict[str, Any] = {}
    if args["encryptedFields"] is not None:
        check_encrypted_fields(args)
        options["encryptedFields"] = args["encryptedFields"]
    _clustered(args, options, request.now)
    check_timeseries(args, request.now)
    _capped(args, options)
    _validator(request, name, args, options)
    if args["collation"] is not None:
        _collation(args["collation"], options)
    _engine_options(args, options)
    if args["changeStreamPreAndPostImages"] is not None:
        _pre_images(request.db, args, options)
    if args["idIndex"] is not None:
        _id_index(args, options)
    _view(request, name, args, options)
    if args["timeseries"]:
        return _timeseries(request, name, args, options)
    if args["expireAfterSeconds"] is not None and not args["clusteredIndex"]:
        text = "'expireAfterSeconds' is only supported on time-series collections or when the 'clusteredIndex' option is specified"
        raise CommandError(72, text)
    return options


def check_pre_images(db: str, value: dict[str, Any]) -> None:
    """Validate the option changeStreamPreAndPostImages.

    https://www.mongodb.com/docs/manual/changeStreams/#change-streams-with-document-pre--and-post-images

    Raises:
        CommandError: 40414, 40415, 14; 72 InvalidOptions if images are enabled in a database of the server.
    """
    _PRE_IMAGES.parse(value)
    if value["enabled"] and db in INTERNAL_DATABASES:
        raise CommandError(72, f"changeStreamPreAndPostImages cannot be enabled in the {db} database")


def _timeseries(request: Request, name: str, args: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return the option `timeseries` of a time-series collection, with its defaults filled in.

    Raises:
        CommandError: 72 InvalidOptions with `clusteredIndex`, and since MongoDB 8.3 for a timeField that starts with $.
    """
    if args["clusteredIndex"]:
        raise CommandError(72, "'clusteredIndex' is not allowed with 'timeseries'")
    if args["timeseries"]["timeField"].startswith("$") and request.services.release.has(TIMESERIES_NAMES):
        raise CommandError(72, "'timeField' must not start with $")
    if args["expireAfterSeconds"] is not None:
        options["expireAfterSeconds"] = Int64(args["expireAfterSeconds"])
    return view_options(name, complete_options(parse_timeseries("create.timeseries", args["timeseries"])), options)


def _clustered(args: dict[str, Any], options: dict[str, Any], now: Date) -> None:
    check_clustered(args, now)
    if args["clusteredIndex"]:
        options["clusteredIndex"] = clustered_index(args["clusteredIndex"])
        if args["expireAfterSeconds"] is not None:
            options["expireAfterSeconds"] = Int64(args["expireAfterSeconds"])


def _capped(args: dict[str, Any], options: dict[str, Any]) -> None:
    if not args["capped"]:
        for option in ("size", "max"):
            if args[option] is not None:
                raise CommandError(72, f"the '{option}' field requires the 'capped' field to be true")
        return
    if args["size"] is None:
        raise CommandError(72, "the 'size' field is required when 'capped' is true")
    options["capped"] = True
    options["size"] = int_value((args["size"] + 255) // 256 * 256)
    if args["max"] is not None and args["max"] > 0:
        options["max"] = int_value(args["max"])


def _validator(request: Request, name: str, args: dict[str, Any], options: dict[str, Any]) -> None:
    for option in ("validationLevel", "validationAction"):
        check_validation("create", option, args[option], request.services.release)
        if args["viewOn"] is None and args[option] is not None:
            options[option] = args[option]
    if args["validator"]:
        check_validator(request.db, name, args["validator"], request.services.release)
        options["validator"] = args["validator"]
        options.setdefault("validationLevel", "strict")
        options.setdefault("validationAction", "error")
    check_constraint(options)


def _collation(spec: dict[str, Any], options: dict[str, Any]) -> None:
    if not spec:
        raise CommandError(40414, "BSON field 'collation.locale' is missing but a required field")
    collation = parse_collation(spec)
    if collation is not None:
        options["collation"] = collation.document()


def _engine_options(args: dict[str, Any], options: dict[str, Any]) -> None:
    """Check the storage engine arguments and copy them to `options`. They have no other effect."""
    if args["indexOptionDefaults"]:
        engine = _INDEX_DEFAULTS.parse(args["indexOptionDefaults"])["storageEngine"]
        _check_engine(engine or {})
    _check_engine(args["storageEngine"] or {})
    for option in ("storageEngine", "indexOptionDefaults"):
        if args[option]:
            options[option] = args[option]


def _check_engine(engine: dict[str, Any]) -> None:
    for name, settings in engine.items():
        if name != "wiredTiger":
            raise CommandError(72, f"{name} is not a registered storage engine for this server")
        if type(settings) is not dict:
            raise CommandError(2, "'storageEngine.wiredTiger' has to be an embedded document.")
        for option, value in settings.items():
            if option != "configString":
                raise CommandError(72, f"'{option}' is not a supported option.")
            if type(value) is not str:
                raise CommandError(14, "'configString' must be a string.")
            if "\0" in value:
                raise CommandError(9, "malformed WiredTiger option: embedded NUL character")
            for key in re.findall(r"(?:^|,)\s*([^=,()\s]+)", re.sub(r"\([^()]*\)", "", value)):
                if key not in WIREDTIGER_OPTIONS:
                    raise CommandError(2, f"unknown configuration key: '{key}'")
            if value and not _COMPRESSION.fullmatch(value):
                raise not_supported("a configString for the storage engine", "leave it out, or name only a block_compressor")


def _pre_images(db: str, args: dict[str, Any], options: dict[str, Any]) -> None:
    images = args["changeStreamPreAndPostImages"]
    check_pre_images(db, images)
    if args["timeseries"] is not None or (images["enabled"] and args["viewOn"] is not None):
        raise CommandError(72, "Cannot enable changeStreamPreAndPostImages on a view or a time-series collection")
    if images["enabled"]:
        options["changeStreamPreAndPostImages"] = images


def _id_index(args: dict[str, Any], options: dict[str, Any]) -> None:
    """Check the argument `idIndex`, which must define the default index on `_id`."""
    spec = args["idIndex"]
    for option in ("viewOn", "timeseries", "clusteredIndex"):
        if args[option]:
            raise CommandError(72, f"'idIndex' is not allowed with '{option}'")
    key = spec.get("key")
    if type(key) is dict:
        if list(key) != ["_id"] or not is_number(key["_id"]) or a.whole_number(key["_id"]) != 1:
            raise CommandError(2, f"The field 'key' for an _id index must be {{_id: 1}}, but got {document_text(key)}")
        check_id_options(spec)
    if type(spec.get("v")) is float and not spec["v"].is_integer():
        raise CommandError(2, f"The field 'v' of an _id index must be a whole number, not {spec['v']}")
    if "name" not in spec and "key" in spec:
        raise CommandError(9, f"The 'name' field is a required property of an index specification: {document_text(spec)}")
    checked = check_spec({"name": "_id_", **spec})
    check_id_collation(checked, options.get("collation"))


def _view(request: Request, name: str, args: dict[str, Any], options: dict[str, Any]) -> None:
    if args["viewOn"] is None:
        if args["pipeline"] is not None:
            raise CommandError(72, "'pipeline' requires 'viewOn' to also be specified")
        return
    if not args["viewOn"]:
        raise CommandError(2, "'viewOn' cannot be empty")
    for option in _NOT_OF_VIEWS:
        options.pop(option, None)
    if args["clusteredIndex"]:
        raise CommandError(6026500, "The 'clusteredIndex' option is not supported with views")
    for option in ("timeseries", "expireAfterSeconds"):
        if args[option]:
            raise CommandError(72, f"Cannot specify '{option}' with 'viewOn'")
    pipeline = args["pipeline"] or []
    if sum(len(encode(stage)) for stage in pipeline if type(stage) is dict) > MAX_VIEW_BYTES:
        raise CommandError(195, f"The pipeline of a view must not exceed {MAX_VIEW_BYTES} bytes")
    check_view(request, name, args["viewOn"], pipeline)
    under = request.services.catalog.find(request.db, args["viewOn"])
    if under is not None and under.is_view and under.options.get("collation") != options.get("collation"):
        raise CommandError(167, f"View {request.db}.{name} has conflicting collation with view {under.namespace}")
    options["viewOn"] = args["viewOn"]
    options["pipeline"] = pipeline
