"""Validates index definitions and converts them to their stored form.

https://www.mongodb.com/docs/manual/reference/command/createIndexes/
"""

from __future__ import annotations

from typing import Any

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson.numbers import python_number
from secantus_server.bson.shell import document_text, shell_text
from secantus_server.bson.values import is_number, type_name
from secantus_server.errors import CommandError
from secantus_server.index.kinds.kind import IndexKind, all_kinds, is_kind_name, kind_of
from secantus_server.index.partial import check_partial
from secantus_server.mql.collation import parse_collation
from secantus_server.version import MONGODB_8_2, Release

MAX_FIELDS = 32
MAX_NAME_BYTES = 127
MAX_EXPIRE_S = 2**31 - 1

# The options of a definition, and their types.
_OPTIONS: dict[str, str] = {
    "v": "number", "name": "string", "key": "object", "ns": "string", "unique": "flag", "sparse": "flag", "background": "flag",
    "hidden": "bool", "expireAfterSeconds": "any", "partialFilterExpression": "object", "collation": "object", "storageEngine": "object",
    "prepareUnique": "flag", "clustered": "flag", "dropDups": "flag", "safe": "flag", "originalSpec": "any",
    **{option: value_type for kind in all_kinds() for option, value_type in kind.options.items()},
}  # fmt: skip
# The options that a definition of an index on `_id` may have. Not even `unique` is allowed, although the index is unique.
_ID_OPTIONS = frozenset(["key", "name", "v", "ns", "collation"])
_NOT_KEPT = frozenset(["ns", "dropDups", "safe", "originalSpec"])
# The code InvalidIndexSpecificationOption. The texts of such errors already quote the definition.
_QUOTES_ITSELF = frozenset([197])


def known_options(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a definition without its unknown options."""
    return {option: value for option, value in spec.items() if option in _OPTIONS}


def check_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """Validate an index definition and return its stored form, but without the parts that depend on the MongoDB release.

    Raises:
        CommandError: 67 CannotCreateIndex, 197 InvalidIndexSpecificationOption, 9, 14.
    """
    kind = _check_form(spec)
    _check_id_index(spec)
    return _complete(spec, kind, MONGODB_8_2)


def check_requested(spec: dict[str, Any], release: Release) -> dict[str, Any]:
    """Validate a definition from createIndexes and return its stored form.

    Arguments:
        release: the MongoDB release, which determines the default versions of index kinds.

    Raises:
        CommandError: the errors of `check_spec`, with messages that quote the definition.
    """
    try:
        kind = _check_form(spec)
    except CommandError as error:
        raise _quoting(spec, error) from None
    _check_id_index(spec)
    try:
        return _complete(spec, kind, release)
    except CommandError as error:
        raise _quoting(spec if "v" in spec else {**spec, "v": 2}, error) from None


def _quoting(spec: dict[str, Any], error: CommandError) -> CommandError:
    """Return the error with the definition prepended to its message, unless the message already quotes it."""
    if error.code in _QUOTES_ITSELF:
        return error
    return error.with_message(f"Error in specification {document_text(spec)} :: caused by :: {error.message}")


def _check_form(spec: dict[str, Any]) -> IndexKind:
    """Check the key pattern, the collation and the types of a definition, and return the kind of index."""
    _check_types(spec)
    for field in ("key", "name"):
        if field not in spec:
            raise CommandError(9, f"The '{field}' field is a required property of an index specification")
    check_key(spec["key"])
    return kind_of(spec["key"])


def _complete(spec: dict[str, Any], kind: IndexKind, release: Release) -> dict[str, Any]:
    _check_name(spec["name"])
    if "collation" in spec:
        spec = {**spec, "collation": _complete_collation(spec["collation"], kind)}
    stored: dict[str, Any] = {"v": _version(spec.get("v", 2)), "key": spec["key"], "name": spec["name"]}
    for option, value in spec.items():
        if option not in stored and option not in _NOT_KEPT and not (option in ("unique", "sparse", "hidden") and not value):
            stored[option] = value
    _check_options(stored, kind)
    return kind.complete(stored, release)


def is_on_id(key: dict[str, Any]) -> bool:
    """Return whether a key pattern defines a B-tree index on `_id`, as opposed to a hashed or geospatial one."""
    return list(key) == ["_id"] and kind_of(key).is_ordered


def _check_id_index(spec: dict[str, Any]) -> None:
    if is_on_id(spec["key"]) and "clustered" not in spec:
        check_id_options(spec)


def check_id_options(spec: dict[str, Any]) -> None:
    """Check that a definition of an index on `_id` has the key `{_id: 1}` and only the allowed options.

    Raises:
        CommandError: 2 BadValue for the key, 197 InvalidIndexSpecificationOption for the first option that is not allowed.
    """
    if python_number(spec["key"]["_id"]) != 1:
        raise CommandError(2, f"The field 'key' for an _id index must be {{_id: 1}}, but got {document_text(spec['key'])}")
    for option in spec:
        if option not in _ID_OPTIONS:
            shown = document_text({**spec, "v": spec.get("v", 2)})
            raise CommandError(197, f"The field '{option}' is not valid for an _id index specification. Specification: {shown}")


def check_id_collation(spec: dict[str, Any], own: dict[str, Any] | None) -> None:
    """Reject an index on `_id` whose collation differs from the collection's collation.

    Arguments:
        spec: a checked definition.
        own: the collection's collation, or None for the simple collation.

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
            # MongoDB's text lacks the closing quote after the option's name.
            raise CommandError(14, f"The field '{option} has value {option}: {shell_text(value)}, which is not convertible to bool")
        if not right:
            raise CommandError(14, f"The field '{option}' must be {_ARTICLES[kind]}, but got {type_name(value)}")


_ARTICLES = {"number": "a number", "string": "a string", "object": "an object", "bool": "a bool"}


def check_key(key: dict[str, Any]) -> None:
    """Validate a key pattern.

    Raises:
        CommandError: 67 CannotCreateIndex, 13103, and the codes of `IndexKind.check_key`.
    """
    if not key:
        raise CommandError(67, "Index keys cannot be an empty object")
    if len(key) > MAX_FIELDS:
        raise CommandError(13103, f"Index key pattern cannot have more than {MAX_FIELDS} fields")
    for path, value in key.items():
        _check_path(path, key)
        _check_direction(value, key)
    for kind in all_kinds():
        kind.check_key(key)
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
        if value == "wildcard" and not any("$**" in path for path in key):
            raise CommandError(7246202, f"'wildcard' is not an index kind to name in a key pattern: {document_text(key)}")
        if not is_kind_name(value):
            raise CommandError(67, f"Unknown index plugin '{value}'")
        return
    if type(value) not in (int, Int64, float, Decimal128):
        text = f"Values in v:2 index key pattern cannot be of type {type_name(value)}. "
        raise CommandError(67, text + "Only numbers > 0, numbers < 0, and strings are allowed.")
    number = python_number(value)
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


def _check_options(spec: dict[str, Any], kind: IndexKind) -> None:
    key = spec["key"]
    kind.check(spec)
    if spec.get("prepareUnique"):
        kind.check({**spec, "unique": True})
    _check_exclusive_options(spec, kind)
    if "expireAfterSeconds" in spec:
        spec["expireAfterSeconds"] = _ttl_seconds(spec["expireAfterSeconds"], key, kind)
    if "partialFilterExpression" in spec:
        if spec.get("sparse"):
            raise CommandError(67, 'cannot mix "partialFilterExpression" and "sparse" options')
        check_partial(spec["partialFilterExpression"])
    if is_on_id(key):
        spec["name"] = "_id_"
    elif spec["name"] == "_id_":
        raise CommandError(2, "The index name '_id_' is reserved for the _id index, which must have key pattern {_id: 1}")
    if "clustered" in spec:
        raise CommandError(72, "an existing collection cannot become a clustered one")


def _check_exclusive_options(spec: dict[str, Any], kind: IndexKind) -> None:
    for other in all_kinds():
        for option, (code, message) in other.exclusive_options.items():
            if option in spec and other is not kind:
                raise CommandError(code, message)


def _complete_collation(given: dict[str, Any], kind: IndexKind) -> dict[str, Any]:
    """Return a collation with all of its fields, for storage. Even the simple collation is stored, because it overrides the collection's
    collation.
    """
    if not given:
        raise CommandError(2, "The field 'collation' cannot be an empty object.")
    collation = parse_collation(given)
    if collation is None:
        return {"locale": "simple"}
    check_kind_has_collations(kind, collation.document())
    return collation.document()


def check_kind_has_collations(kind: IndexKind, collation: dict[str, Any]) -> None:
    """Reject a collation if the index's kind does not support collations.

    Raises:
        CommandError: 67 CannotCreateIndex.
    """
    if not kind.has_collations:
        raise CommandError(67, f"Index type '{kind.name}' does not support collation: {document_text(collation)}")


def _ttl_seconds(seconds: Any, key: dict[str, Any], kind: IndexKind) -> int:
    """Validate `expireAfterSeconds` and convert it to an int, the type that MongoDB stores."""
    if len(key) != 1 or not kind.may_expire:
        raise CommandError(
            67, f"TTL indexes are single-field indexes, compound indexes do not support TTL. Index spec: {document_text(key)}"
        )
    if not is_number(seconds):
        raise CommandError(67, f"TTL index 'expireAfterSeconds' option must be numeric, but received a type of '{type_name(seconds)}'")
    number = python_number(seconds)
    if number != number or not 0 <= number <= MAX_EXPIRE_S:
        raise CommandError(
            67, f"TTL index 'expireAfterSeconds' option must be within an acceptable range, try a different number than {seconds}"
        )
    return int(number)
