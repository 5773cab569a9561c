"""The argument encryptedFields of create.

https://www.mongodb.com/docs/manual/core/queryable-encryption/fundamentals/encrypt-and-query/

The argument lists the fields that the client encrypts, and the supported kinds of queries on each field.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from bson.binary import UUID_SUBTYPE, Binary
from bson.int64 import Int64

from secantus_server.bson import compare_values
from secantus_server.bson.values import Date, type_name
from secantus_server.dispatch import arguments as a
from secantus_server.errors import CommandError
from secantus_server.mql.match.element import type_codes

UUID_BYTES = 16
MOST_QUERIES = 2
_RANGES = ("range", "rangePreview")
_AFFIXES = ("prefixPreview", "suffixPreview")
_TEXTS = (*_AFFIXES, "substringPreview")
_QUERY_TYPES = ("equality", *_RANGES, *_TEXTS)
_NOT_ENCRYPTED = frozenset(["minKey", "maxKey", "null", "undefined"])
# The settings that a text search on an encrypted field requires, with the error code for each missing setting.
_REQUIRED = {
    "strMaxLength": 9783401,
    "strMinQueryLength": 9783402,
    "strMaxQueryLength": 9783403,
    "caseSensitive": 9783404,
    "diacriticSensitive": 9783405,
}
# The number of bits of each type that supports range queries. This number limits trimFactor.
_BITS = {"int": 32, "long": 64, "date": 64, "double": 64, "decimal": 128}
_PYTHON_TYPES = {"int": int, "long": Int64, "date": Date, "double": float}


def _documents_without_nulls(name: str, value: Any) -> list[dict[str, Any]]:
    """Check that a value is an array of documents and nulls, and return only the documents. As in MongoDB, nulls are ignored."""
    found: list[dict[str, Any]] = a.documents().check(name, [item for item in a.array().check(name, value) if item is not None])
    return found


_CONFIG = a.Arguments(
    "create.encryptedFields",
    {
        "escCollection": a.string(),
        "eccCollection": a.string(),
        "ecocCollection": a.string(),
        "fields": a.Field(_documents_without_nulls, required=True),
        "strEncodeVersion": a.number(),
    },
    generic=False,
)
_FIELD = a.Arguments(
    "create.encryptedFields.fields",
    {
        "keyId": a.anything(required=True),
        "path": a.string(required=True),
        "bsonType": a.string(),
        "queries": a.Field(a.as_anything, null_is_absent=False),
    },
    generic=False,
)
_QUERY = a.Arguments(
    "create.encryptedFields.fields.queries",
    {
        "queryType": a.string(required=True),
        "contention": a.number(minimum=0),
        "min": a.anything(),
        "max": a.anything(),
        "sparsity": a.number(minimum=1),
        "trimFactor": a.number(minimum=0),
        "precision": a.number(minimum=0),
        "strMaxLength": a.number(minimum=1),
        "strMinQueryLength": a.number(minimum=1),
        "strMaxQueryLength": a.number(minimum=1),
        "caseSensitive": a.strict_boolean(None),
        "diacriticSensitive": a.strict_boolean(None),
    },
    generic=False,
)


def check_encrypted_fields(args: dict[str, Any]) -> None:
    """Check encryptedFields, and check that no incompatible argument is present.

    Arguments:
        args: create's arguments.

    Raises:
        CommandError: if an argument is not valid, with MongoDB's error code.
    """
    config = args["encryptedFields"]
    fields = [_checked_field(field) for field in _CONFIG.parse(config)["fields"]]
    if args["viewOn"] is not None or args["timeseries"] is not None:
        raise CommandError(6346401, "Encrypted fields cannot be used with views or time-series collections")
    if args["capped"]:
        raise CommandError(6367301, "Encrypted fields cannot be used with capped collections")
    _check_distinct(fields)


def _check_distinct(fields: list[dict[str, Any]]) -> None:
    keys = [bytes(field["keyId"]) for field in fields]
    if len(set(keys)) < len(keys):
        raise CommandError(6338401, "Duplicate key ids are not allowed")
    paths = sorted(field["path"].split(".") for field in fields)
    for before, path in pairwise(paths):
        if before == path:
            raise CommandError(6338402, "Duplicate paths are not allowed")
        if path[: len(before)] == before:
            raise CommandError(6338403, "Conflicting index paths found as one is a prefix of another")


def _checked_field(spec: dict[str, Any]) -> dict[str, Any]:
    field: dict[str, Any] = _FIELD.parse(spec)
    key, path, kind = field["keyId"], field["path"], field["bsonType"]
    if not isinstance(key, Binary) or key.subtype != UUID_SUBTYPE:
        raise CommandError(
            14, f"BSON field 'create.encryptedFields.fields.keyId' is the wrong type '{type_name(key)}', expected type 'binData'"
        )
    if len(key) != UUID_BYTES:
        raise CommandError(207, f"uuid must be a {UUID_BYTES}-byte binary field with UUID (4) subtype")
    if not path:
        raise CommandError(6316402, "Encrypted field must have a non-empty path")
    if "\0" in path:
        raise CommandError(9867600, "Encrypted field path must not contain null bytes")
    if path.split(".")[0] == "_id":
        raise CommandError(6316403, "Cannot encrypt _id or its subfields")
    if kind is not None:
        type_codes(kind)
        if kind in _NOT_ENCRYPTED:
            raise CommandError(6338406, f"Type '{kind}' is not a supported encrypted type")
    if "queries" in spec:
        _check_queries(field["queries"], kind)
    return field


def _check_queries(given: Any, kind: str | None) -> None:
    if type(given) not in (dict, list):
        raise CommandError(
            14,
            f"BSON field 'create.encryptedFields.fields.queries' is the wrong type '{type_name(given)}', expected types '[array, object]'",
        )
    specs = given if type(given) is list else [given]
    if not specs:
        raise CommandError(9783412, "The queries of an encrypted field must not be empty")
    if any(type(spec) is not dict for spec in specs):
        raise CommandError(14, "BSON field 'create.encryptedFields.fields.queries' must be an array of objects")
    queries = [_QUERY.parse(spec) for spec in specs]
    for query in queries:
        if query["queryType"] not in _QUERY_TYPES:
            field = "create.encryptedFields.fields.queries.queryType"
            raise CommandError(2, f"Enumeration value '{query['queryType']}' for field '{field}' is not a valid value.")
    if len(queries) > MOST_QUERIES:
        raise CommandError(9783413, f"An encrypted field cannot have more than {MOST_QUERIES} query types")
    if len(queries) == MOST_QUERIES and {query["queryType"] for query in queries} != set(_AFFIXES):
        raise CommandError(9783414, "An encrypted field can only combine the query types prefixPreview and suffixPreview")
    for spec, query in zip(specs, queries, strict=True):
        for name in ("contention", "sparsity", "trimFactor", "precision"):
            if type(spec.get(name)) is float and not spec[name].is_integer():
                raise CommandError(9, f"{name} must be a whole number, not {spec[name]}")
        if query["queryType"] in _TEXTS:
            _check_text(query, kind)
        elif query["queryType"] in _RANGES:
            _check_range(query, kind)


def _check_text(query: dict[str, Any], kind: str | None) -> None:
    if kind != "string":
        raise CommandError(9783400, f"The query type {query['queryType']} needs a field of the type string")
    for name, code in _REQUIRED.items():
        if query[name] is None and (name != "strMaxLength" or query["queryType"] == "substringPreview"):
            raise CommandError(code, f"{name} is required for the query type {query['queryType']}")
    if query["strMinQueryLength"] > query["strMaxQueryLength"]:
        raise CommandError(9783406, "strMinQueryLength must not be greater than strMaxQueryLength")


def _check_range(query: dict[str, Any], kind: str | None) -> None:
    if kind not in _BITS:
        raise CommandError(6775201, f"The query type {query['queryType']} needs a field with numbers or dates, not {kind}")
    bounds = [query[name] for name in ("min", "max") if query[name] is not None]
    wanted = _PYTHON_TYPES.get(kind or "")
    if wanted is not None and any(type(bound) is not wanted for bound in bounds):
        raise CommandError(7018200, f"The bounds of a range must have the field's type, {kind}")
    if len(bounds) == 2 and compare_values(*bounds) >= 0:
        raise CommandError(6720005, "The minimum of a range must be less than its maximum")
    if query["trimFactor"] is not None and query["trimFactor"] >= _BITS.get(kind or "", 128):
        raise CommandError(8574000, "trimFactor must be less than the number of bits of the field's type")
