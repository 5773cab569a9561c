"""Functions ("checks") that validate a single argument. Each returns the value to use, or raises the same error as MongoDB.

A check takes the field's full name (such as "find.limit") and the value.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN
from typing import Any

from bson.binary import UUID_SUBTYPE, Binary
from bson.decimal128 import Decimal128

from secantus_server.bson import RawDocument
from secantus_server.bson.numbers import python_number, quiet_decimal, to_float
from secantus_server.bson.values import is_number, type_name
from secantus_server.errors import CommandError

Check = Callable[[str, Any], Any]


def wrong_type(name: str, value: Any, expected: str) -> CommandError:
    """Return error 14 TypeMismatch with the message of MongoDB's command parser."""
    expected_types = f"expected types '{expected}'" if expected.startswith("[") else f"expected type '{expected}'"
    return CommandError(14, f"BSON field '{name}' is the wrong type '{type_name(value)}', {expected_types}")


def as_document(name: str, value: Any) -> dict[str, Any]:
    """Check that the value is a document."""
    if type(value) is not dict:
        raise wrong_type(name, value, "object")
    return value


def as_raw_document(name: str, value: Any) -> Any:
    """Check that the value of `$clusterTime` or `lsid` is a document. The value is raw BSON, because these two fields are not decoded."""
    return value if type(value) is RawDocument else as_document(name, value)


def as_array(name: str, value: Any) -> list[Any]:
    """Check that the value is an array."""
    if type(value) is not list:
        raise wrong_type(name, value, "array")
    return value


def as_documents(name: str, value: Any) -> list[dict[str, Any]]:
    """Check that the value is an array of documents."""
    for index, item in enumerate(as_array(name, value)):
        if type(item) is not dict:
            raise wrong_type(f"{name}.{index}", item, "object")
    return value  # type: ignore[no-any-return]


def as_string(name: str, value: Any) -> str:
    """Check that the value is a string."""
    if type(value) is not str:
        raise wrong_type(name, value, "string")
    return value


def as_boolean(name: str, value: Any) -> bool:
    """Check that the value is a bool or a number. Convert a number to a bool."""
    if type(value) is bool:
        return value
    if is_number(value):
        return truth(value)
    raise wrong_type(name, value, "[bool, long, int, decimal, double]")


def as_strict_boolean(name: str, value: Any) -> bool:
    """Check that the value is a bool. Raise an error for a number."""
    if type(value) is not bool:
        raise wrong_type(name, value, "bool")
    return value


def truth(value: Any) -> bool:
    """Return the truth value of a number or bool."""
    return bool(quiet_decimal(value)) if type(value) is Decimal128 else bool(value)


def whole_number(value: Any) -> int:
    """Convert a number to an integer. Truncate a double, round a decimal half to even, convert NaN to 0, and clamp the result to int64."""
    if type(value) is Decimal128:
        value = quiet_decimal(value)
        if value.is_finite():
            value = value.to_integral_value(ROUND_HALF_EVEN)
    if value != value:
        return 0
    low, high = -(2**63), 2**63 - 1
    return low if value <= low else high if value >= high else int(value)


def integer(minimum: int | None = None, maximum: int | None = None) -> Check:
    """Return a check that converts a number of any type to an integer and raises an error if it is out of bounds."""

    def check(name: str, value: Any) -> int:
        if not is_number(value):
            raise wrong_type(name, value, "[long, int, decimal, double]")
        number = whole_number(value)
        if minimum is not None and number < minimum:
            raise CommandError(2, f"BSON field '{name}' value must be >= {minimum}, actual value '{number}'")
        if maximum is not None and number > maximum:
            raise CommandError(2, f"BSON field '{name}' value must be <= {maximum}, actual value '{number}'")
        return number

    return check


def exact_integer(name: str, value: Any) -> int:
    """Check that the value is a number, of any type, that equals an int64.

    Raises:
        CommandError: 14 if the value is not a number, 9 if the number is not an integer or exceeds int64.
    """
    if not is_number(value):
        raise wrong_type(name, value, "[long, int, decimal, double]")
    if type(value) not in (float, Decimal128):
        return int(value)
    number = python_number(value)
    last = name.rpartition(".")[2]
    if number != number:
        raise CommandError(9, f"Expected an integer, but found NaN in: {last}: {value}")
    if not -(2**63) <= number < 2**63:
        raise CommandError(9, f"Cannot represent as a 64-bit integer: {last}: {value}")
    if number != int(number):
        raise CommandError(9, f"Expected an integer: {last}: {value}")
    return int(number)


def one_of(check: str, *types: type) -> Check:
    """Return a check that accepts values of the given types.

    Arguments:
        check: the names of the types, as listed in MongoDB's error message.
    """

    def run(name: str, value: Any) -> Any:
        if type(value) not in types:
            raise wrong_type(name, value, check)
        return value

    return run


def as_statement_id(name: str, value: Any) -> int:
    """Check that the value is a statement id of a retryable write, which is a non-negative int."""
    if type(value) is not int:
        raise wrong_type(name, value, "int")
    if value < 0:
        raise CommandError(2, f"BSON field '{name}' value must be >= 0, actual value '{value}'")
    return value


def as_statement_ids(name: str, value: Any) -> list[int]:
    """Check that the value is an array of statement ids."""
    return [as_statement_id(f"{name}.{index}", item) for index, item in enumerate(as_array(name, value))]


def as_anything(name: str, value: Any) -> Any:
    """Accept any value."""
    return value


def as_real(name: str, value: Any) -> float:
    """Check that the value is a number of any type, and convert it to a float."""
    if not is_number(value):
        raise wrong_type(name, value, "[double, int, long, decimal]")
    return to_float(value)


def as_hint(name: str, value: Any) -> str | dict[str, Any]:
    """Check that the value is an index name or a key pattern.

    An empty name is also a valid hint. Convert it to a pattern that matches no index.
    """
    if value == "":
        return {"$hint": ""}
    if type(value) is str or type(value) is dict:
        return value
    raise CommandError(9, "Hint must be a string or an object")


def own_string(command: str, value: Any) -> str:
    """Check that the value of a command's first field, whose name is the command's name, is a string.

    Raises:
        CommandError: 40414 for null, 14 for another type.
    """
    if value is None:
        raise CommandError(40414, f"BSON field '{command}.{command}' is missing but a required field")
    return as_string(f"{command}.{command}", value)


def as_uuid(name: str, value: Any) -> Binary:
    """Check that the value is a UUID."""
    if type(value) is not Binary or value.subtype != UUID_SUBTYPE:
        raise wrong_type(name, value, "UUID") if type(value) is not Binary else CommandError(14, f"BSON field '{name}' is not a UUID")
    return exact_uuid(value)


def exact_uuid(value: Binary) -> Binary:
    """Check that a UUID has 16 bytes.

    Raises:
        CommandError: 207 InvalidUUID.
    """
    if type(value) is not Binary or value.subtype != UUID_SUBTYPE or len(value) != 16:
        raise CommandError(207, "uuid must be a 16-byte binary field with UUID (4) subtype")
    return value
