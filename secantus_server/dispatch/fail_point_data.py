"""Functions that read and validate the fields in the data of a fail point."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from secantus_server.bson.values import is_number
from secantus_server.dispatch.argument_values import whole_number
from secantus_server.dispatch.arguments import wrong_type
from secantus_server.errors import CommandError, not_supported

T = TypeVar("T")


def check_fields(name: str, data: dict[str, Any], known: Iterable[str]) -> None:
    """Raise an error if a fail point's data has a field that this server does not support.

    Ignore a field whose name is not a single word, because MongoDB ignores unknown fields and has no fields with such names.

    Raises:
        CommandError: 238.
    """
    for field in data:
        if field not in known and field.isidentifier():
            takes = ", ".join(sorted(known)) or "no data"
            raise not_supported(f"the field {field} in the data of the fail point {name}", f"it takes {takes}")


def flag(data: dict[str, Any], field: str, default: bool = False) -> bool:
    """Return the value of a Boolean field.

    Raises:
        CommandError: 14 TypeMismatch.
    """
    value = data.get(field, default)
    if type(value) is not bool:
        raise wrong_type(field, value, "bool")
    return value


def text(data: dict[str, Any], field: str) -> str | None:
    """Return the value of a string field, or None if it is missing.

    Raises:
        CommandError: 14 TypeMismatch.
    """
    return _optional(data, field, str, "string")


def texts(data: dict[str, Any], field: str) -> tuple[str, ...] | None:
    """Return the value of a field that must be an array of strings, or None if it is missing.

    Raises:
        CommandError: 14 TypeMismatch.
    """
    value = data.get(field)
    if value is None:
        return None
    if type(value) is not list:
        raise wrong_type(field, value, "array")
    for index, one in enumerate(value):
        if type(one) is not str:
            raise wrong_type(f"{field}.{index}", one, "string")
    return tuple(value)


def whole(data: dict[str, Any], field: str) -> int | None:
    """Return the value of a field as an integer, or None if it is missing. The value must be a non-negative number; see `whole_number`.

    Raises:
        CommandError: 14 TypeMismatch, 2 BadValue.
    """
    value = data.get(field)
    if value is None:
        return None
    if not is_number(value):
        raise wrong_type(field, value, "[int, long, double, decimal]")
    number = whole_number(value)
    if number < 0:
        raise CommandError(2, f"BSON field '{field}' value must be >= 0, actual value '{number}'")
    return number


def document(data: dict[str, Any], field: str) -> dict[str, Any] | None:
    """Return the value of a field that must be a document, or None if it is missing.

    Raises:
        CommandError: 14 TypeMismatch.
    """
    return _optional(data, field, dict, "object")


def _optional(data: dict[str, Any], field: str, kind: type[T], name: str) -> T | None:
    """Return the value of a field that must have the type `kind`, or None if the field is missing.

    Arguments:
        name: the name of the type, for the error.

    Raises:
        CommandError: 14 TypeMismatch.
    """
    value = data.get(field)
    if value is None or type(value) is kind:
        return value
    raise wrong_type(field, value, name)
