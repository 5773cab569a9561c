"""An index's definition as createIndexes gives it: checked and completed.

https://www.mongodb.com/docs/manual/reference/command/createIndexes/
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson.shell import document_text, shell_text
from secantus_server.bson.values import is_number, type_name
from secantus_server.errors import CommandError
from secantus_server.index.build import SPECIAL_KINDS, index_kind
from secantus_server.index.special import check_geo, check_partial, check_wildcard, is_wildcard
from secantus_server.index.text import complete_text
from secantus_server.mql.collation import parse_collation

MAX_FIELDS = 32
MAX_NAME_BYTES = 127
MAX_EXPIRE_S = 2**31 - 1

# The options of a definition, and the types they may have.
_OPTIONS: dict[str, str] = {
    "v": "number", "name": "string", "key": "object", "ns": "string", "unique": "flag", "sparse": "flag", "background": "flag",
    "hidden": "bool", "expireAfterSeconds": "any", "partialFilterExpression": "object", "collation": "object", "storageEngine": "object",
    "weights": "any", "default_language": "string", "language_override": "string", "textIndexVersion": "number",
    "2dsphereIndexVersion": "number", "bits": "number",
    "min": "number", "max": "number", "bucketSize": "number", "wildcardProjection": "object", "prepareUnique": "flag",
    "clustered": "flag", "dropDups": "flag", "safe": "flag", "originalSpec": "any",
}  # fmt: skip
# An index on `_id` has no others, not even those that say what it is anyway.
_ID_OPTIONS = frozenset(["key", "name", "v", "ns", "collation"])
_NOT_KEPT = frozenset(["ns", "dropDups", "safe", "originalSpec"])
# InvalidIndexSpecificationOption: its text ends with the definition.
_QUOTES_ITSELF = frozenset([197])


def known_options(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a definition without the options that there are not."""
    return {option: value for option, value in spec.items() if option in _OPTIONS}


def check_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the definition as it is stored.

    Raises:
        CommandError: 67 CannotCreateIndex, 197 InvalidIndexSpecificationOption, 9, 14.
    """
    kind = _check_form(spec)
    _check_id_index(spec, kind)
    return _complete(spec, kind)


def check_requested(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a definition of createIndexes as it is stored.

    Raises:
        CommandError: as `check_spec`, and its text quotes the definition.
    """
    with _quoting(spec):
        kind = _check_form(spec)
    _check_id_index(spec, kind)
    with _quoting(spec if "v" in spec else {**spec, "v": 2}):
        return _complete(spec, kind)


@contextmanager
def _quoting(spec: dict[str, Any]) -> Iterator[None]:
    """Quote the definition in the errors of a block, except in those that do so themselves."""
    try:
        yield
    except CommandError as error:
        if error.code in _QUOTES_ITSELF:
            raise
        raise error.with_message(f"Error in specification {document_text(spec)} :: caused by :: {error.message}") from None


def _check_form(spec: dict[str, Any]) -> str:
    """Check the types, the key pattern and the collation; return the kind of index."""
    _check_types(spec)
    for field in ("key", "name"):
        if field not in spec:
            raise CommandError(9, f"The '{field}' field is a required property of an index specification")
    check_key(spec["key"])
    return index_kind(spec["key"])


def _complete(spec: dict[str, Any], kind: str) -> dict[str, Any]:
    _check_name(spec["name"])
    if "collation" in spec:
        spec = {**spec, "collation": _complete_collation(spec["collation"], kind)}
    stored: dict[str, Any] = {"v": _version(spec.get("v", 2)), "key": spec["key"], "name": spec["name"]}
    for option, value in spec.items():
        if option not in stored and option not in _NOT_KEPT and not (option in ("unique", "sparse", "hidden") and not value):
            stored[option] = value
    _check_options(stored, kind)
    return complete_text(stored) if kind == "text" else stored


def _check_id_index(spec: dict[str, Any], kind: str) -> None:
    if list(spec["key"]) == ["_id"] and kind == "btree" and "clustered" not in spec:
        check_id_options(spec)


def check_id_options(spec: dict[str, Any]) -> None:
    """Refuse another key than `{_id: 1}`, and the options that the index on `_id` cannot have.

    Raises:
        CommandError: 2 BadValue for the key, 197 InvalidIndexSpecificationOption for the first of the options.
    """
    direction = spec["key"]["_id"]
    if (direction.to_decimal() if type(direction) is Decimal128 else direction) != 1:
        raise CommandError(2, f"The field 'key' for an _id index must be {{_id: 1}}, but got {document_text(spec['key'])}")
    for option in spec:
        if option not in _ID_OPTIONS:
            shown = document_text({**spec, "v": spec.get("v", 2)})
            raise CommandError(197, f"The field '{option}' is not valid for an _id index specification. Specification: {shown}")


def check_id_collation(spec: dict[str, Any], own: dict[str, Any] | None) -> None:
    """Refuse a collation of the index on `_id` that is not the collection's.

    Arguments:
        spec: a checked definition.
        own: the collection's collation, None for the simple one.

    Raises:
        CommandError: 2 BadValue.
    """
    own = own or {"locale": "simple"}
    if "collation" in spec and spec["collation"] != own:
        text = f"Index collation: {document_text(spec['collation'])}, collection collation: {document_text(own)}"
        raise CommandError(2, f"The _id index must have the same collation as the collection. {text}")


def _check_types(spec: dict[str, Any]) -> None:
    for option, value in spec.items():
        kind = _OPTIONS.get(option)
        if kind is None:
            raise CommandError(197, f"The field '{option}' is not valid for an index specification. Specification: {document_text(spec)}")
        right = {
            "number": is_number(value),
            "string": type(value) is str,
            "object": type(value) is dict,
            "flag": type(value) is bool or is_number(value),
            "bool": type(value) is bool,
            "any": True,
        }[kind]
        if not right and kind == "flag":
            # MongoDB's text lacks the second quote.
            raise CommandError(14, f"The field '{option} has value {option}: {shell_text(value)}, which is not convertible to bool")
        if not right:
            raise CommandError(14, f"The field '{option}' must be {_ARTICLES[kind]}, but got {type_name(value)}")


_ARTICLES = {"number": "a number", "string": "a string", "object": "an object", "bool": "a bool"}


def check_key(key: dict[str, Any]) -> None:
    """Hold a key pattern to the rules.

    Raises:
        CommandError: 67 CannotCreateIndex.
    """
    if not key:
        raise CommandError(67, "Index keys cannot be an empty object")
    if len(key) > MAX_FIELDS:
        raise CommandError(13103, f"Index key pattern cannot have more than {MAX_FIELDS} fields")
    for path, value in key.items():
        _check_path(path, key)
        _check_direction(value, key)
    if "hashed" in key.values() and list(key.values()).count("hashed") > 1:
        raise CommandError(31303, "A maximum of one index field is allowed to be hashed")
    if len({value for value in key.values() if type(value) is str}) > 1:
        raise CommandError(67, "Can't use more than one index plugin for a single index.")


def _check_path(path: str, key: dict[str, Any]) -> None:
    if path == "":
        raise CommandError(67, f"Index keys cannot be an empty field. Key pattern: {document_text(key)}")
    components = path.split(".")
    if "" in components:
        raise CommandError(67, f"Index keys cannot contain an empty field. Key pattern: {document_text(key)}")
    for number, component in enumerate(components):
        wildcard = component == "$**" and number == len(components) - 1
        if component.startswith("$") and not wildcard and component not in ("$id", "$db", "$ref"):
            raise CommandError(
                67, f"Index key contains an illegal field name: field name starts with '$'. Key pattern: {document_text(key)}"
            )


def _check_direction(value: Any, key: dict[str, Any]) -> None:
    if type(value) is str:
        if value == "":
            raise CommandError(67, f"Values in the index key pattern cannot be empty strings. Key pattern: {document_text(key)}")
        if value not in SPECIAL_KINDS:
            raise CommandError(67, f"Unknown index plugin '{value}'")
        return
    if type(value) not in (int, Int64, float, Decimal128):
        text = f"Values in v:2 index key pattern cannot be of type {type_name(value)}. "
        raise CommandError(67, text + "Only numbers > 0, numbers < 0, and strings are allowed.")
    number = value.to_decimal() if type(value) is Decimal128 else value
    if number == 0 or number != number:
        raise CommandError(67, f"Values in the index key pattern cannot be {'0' if number == 0 else 'NaN'}.")


def _check_name(name: str) -> None:
    if not name:
        raise CommandError(67, "index name cannot be empty")
    if "\0" in name:
        raise CommandError(67, "index name cannot contain NUL bytes")
    if name == "*":
        raise CommandError(2, "The index name '*' is not valid.")


def _version(value: Any) -> int:
    if value not in (1, 2):
        raise CommandError(67, f"Invalid index specification version: {value}; only versions 1 and 2 are allowed")
    return int(value)


def _check_options(spec: dict[str, Any], kind: str) -> None:
    key = spec["key"]
    if kind != "text" and any(map(is_wildcard, key)):
        check_wildcard(spec)
    elif "wildcardProjection" in spec:
        raise CommandError(2, "The field 'wildcardProjection' is only allowed in an 'wildcard' index")
    if "expireAfterSeconds" in spec:
        _check_ttl(spec["expireAfterSeconds"], key, kind)
    if "partialFilterExpression" in spec:
        if spec.get("sparse"):
            raise CommandError(67, 'cannot mix "partialFilterExpression" and "sparse" options')
        check_partial(spec["partialFilterExpression"])
    if list(key) == ["_id"] and kind == "btree":
        spec["name"] = "_id_"
    elif spec["name"] == "_id_":
        raise CommandError(2, "The index name '_id_' is reserved for the _id index, which must have key pattern {_id: 1}")
    if kind in ("hashed", "2d") and spec.get("unique"):
        raise CommandError(16764 if kind == "hashed" else 67, f"Currently {kind} indexes cannot guarantee uniqueness. Use a regular index.")
    if "weights" in spec and kind != "text":
        raise CommandError(67, "the field 'weights' can only be specified with text indexes")
    if kind in ("2d", "2dsphere"):
        check_geo(spec, kind)
    if "clustered" in spec:
        raise CommandError(72, "an existing collection cannot become a clustered one")


def _complete_collation(given: dict[str, Any], kind: str) -> dict[str, Any]:
    """The collation with all its fields; the simple one stays, for it stands for another than the collection's."""
    if not given:
        raise CommandError(2, "The field 'collation' cannot be an empty object.")
    collation = parse_collation(given)
    if collation is None:
        return {"locale": "simple"}
    check_kind_has_collations(kind, collation.document())
    return collation.document()


def check_kind_has_collations(kind: str, collation: dict[str, Any]) -> None:
    """Refuse a collation for an index that cannot have one.

    Raises:
        CommandError: 67 CannotCreateIndex.
    """
    if kind in ("text", "2d"):
        raise CommandError(67, f"Index type '{kind}' does not support collation: {document_text(collation)}")


def _check_ttl(seconds: Any, key: dict[str, Any], kind: str) -> None:
    if len(key) != 1 or kind not in ("btree", "hashed", "2dsphere", "text"):
        raise CommandError(
            67, f"TTL indexes are single-field indexes, compound indexes do not support TTL. Index spec: {document_text(key)}"
        )
    if not is_number(seconds):
        raise CommandError(67, f"TTL index 'expireAfterSeconds' option must be numeric, but received a type of '{type_name(seconds)}'")
    number = seconds.to_decimal() if type(seconds) is Decimal128 else seconds
    if number == number and not 0 <= number <= MAX_EXPIRE_S:
        raise CommandError(
            67, f"TTL index 'expireAfterSeconds' option must be within an acceptable range, try a different number than {seconds}"
        )
