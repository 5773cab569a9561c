"""The operators `$objectToArray` and `$arrayToObject`, which convert between documents and arrays of keys and values.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/arrayToObject/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.registry import operator
from secantus_server.mql.expressions.value_text import value_text


@operator("$objectToArray", arguments=1)
def object_to_array(value: Any) -> list[dict[str, Any]] | None:
    """Convert a document to an array `[{k, v}, ...]`, in the order of the fields.

    Raises:
        CommandError: 40390 for a value that is not a document.
    """
    if is_nullish(value):
        return None
    if type(value) is not dict:
        raise CommandError(40390, f"$objectToArray requires a document input, found: {type_name(value)}")
    return [{"k": name, "v": item} for name, item in value.items()]


@operator("$arrayToObject", arguments=1)
def array_to_object(value: Any) -> dict[str, Any] | None:
    """Convert an array `[{k, v}, ...]` or `[[k, v], ...]` to a document. The first item determines the format.

    Raises:
        CommandError: 40386 and 40391 to 40398 for a malformed array.
    """
    if is_nullish(value):
        return None
    if type(value) is not list:
        raise CommandError(40386, f"$arrayToObject requires an array input, found: {type_name(value)}")
    if not value:
        return {}
    if type(value[0]) is dict:
        return dict(map(_pair_of_document, value))
    if type(value[0]) is list:
        return dict(map(_pair_of_list, value))
    raise CommandError(40398, f"Unrecognised input type format for $arrayToObject: {type_name(value[0])}")


def _pair_of_document(item: Any) -> tuple[str, Any]:
    if type(item) is not dict:
        raise CommandError(40391, _inconsistent("Object", item))
    if len(item) != 2:
        raise CommandError(40392, f"$arrayToObject requires an object keys of 'k' and 'v'. Found incorrect number of keys:{len(item)}")
    if "k" not in item or "v" not in item:
        raise CommandError(
            40393, f"$arrayToObject requires an object with keys 'k' and 'v'. Missing either or both keys from: {value_text(item)}"
        )
    key = item["k"]
    if type(key) is not str:
        raise CommandError(
            40394,
            "$arrayToObject requires an object with keys 'k' and 'v', where the value of 'k' must be of type string. "
            f"Found type: {type_name(key)}",
        )
    return _checked(key, 4940401), item["v"]


def _pair_of_list(item: Any) -> tuple[str, Any]:
    if type(item) is not list:
        raise CommandError(40396, _inconsistent("Array", item))
    if len(item) != 2:
        raise CommandError(40397, f"$arrayToObject requires an array of size 2 arrays,found array of size: {len(item)}")
    key, value = item
    if type(key) is not str:
        raise CommandError(
            40395,
            f"$arrayToObject requires an array of key-value pairs, where the key must be of type string. Found key type: {type_name(key)}",
        )
    return _checked(key, 4940400), value


def _inconsistent(first: str, item: Any) -> str:
    return (
        "$arrayToObject requires a consistent input format. Elements must all be arrays or all be objects. "
        f"{first} was detected, now found: {type_name(item)}"
    )


def _checked(key: str, code: int) -> str:
    if "\0" in key:
        raise CommandError(code, "Key field cannot contain an embedded null byte")
    return key
