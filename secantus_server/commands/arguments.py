"""What a command's document may hold: fields, their types and bounds, and MongoDB's errors where it holds something else.

A command declares its fields once; `Arguments.parse` checks a document against them and gives the values. The fields that every
command takes (`$db`, `lsid`, `maxTimeMS`, ...) are known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN
from typing import Any

from bson.binary import UUID_SUBTYPE, Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson.values import is_number, type_name
from secantus_server.errors import CommandError

Check = Callable[[str, Any], Any]


@dataclass(frozen=True)
class Field:
    """One field of a command.

    Arguments:
        check: gives the value to use, or raises; called with the field's full name ("find.limit") and the value.
        default: the value where the field is not given.
        required: its absence is an error.
        null_is_absent: a null stands for "not given".
    """

    check: Check
    default: Any = None
    required: bool = False
    null_is_absent: bool = True


def wrong_type(name: str, value: Any, expected: str) -> CommandError:
    """14 TypeMismatch in the words of MongoDB's command parser."""
    expected_types = f"expected types '{expected}'" if expected.startswith("[") else f"expected type '{expected}'"
    return CommandError(14, f"BSON field '{name}' is the wrong type '{type_name(value)}', {expected_types}")


def _document(name: str, value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise wrong_type(name, value, "object")
    return value


def _array(name: str, value: Any) -> list[Any]:
    if type(value) is not list:
        raise wrong_type(name, value, "array")
    return value


def _documents(name: str, value: Any) -> list[dict[str, Any]]:
    for index, item in enumerate(_array(name, value)):
        if type(item) is not dict:
            raise wrong_type(f"{name}.{index}", item, "object")
    return value  # type: ignore[no-any-return]


def _string(name: str, value: Any) -> str:
    if type(value) is not str:
        raise wrong_type(name, value, "string")
    return value


def _boolean(name: str, value: Any) -> bool:
    """A bool, or a number that stands for one."""
    if type(value) is bool:
        return value
    if is_number(value):
        return truth(value)
    raise wrong_type(name, value, "[bool, long, int, decimal, double]")


def _strict_boolean(name: str, value: Any) -> bool:
    if type(value) is not bool:
        raise wrong_type(name, value, "bool")
    return value


def truth(value: Any) -> bool:
    """Whether a number or bool stands for true."""
    return bool(value.to_decimal()) if type(value) is Decimal128 else bool(value)


def whole_number(value: Any) -> int:
    """A number as a whole one within int64: doubles are cut, decimals rounded half to even, NaN is 0."""
    if type(value) is Decimal128:
        value = value.to_decimal()
        if value.is_finite():
            value = value.to_integral_value(ROUND_HALF_EVEN)
    if value != value:
        return 0
    low, high = -(2**63), 2**63 - 1
    return low if value <= low else high if value >= high else int(value)


def integer(minimum: int | None = None, maximum: int | None = None) -> Check:
    """A check for whole numbers of any numeric type within bounds."""

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
    """A number of any type that is whole and fits int64.

    Raises:
        CommandError: 14 for what is no number, 9 for a number that is not whole or too large.
    """
    if not is_number(value):
        raise wrong_type(name, value, "[long, int, decimal, double]")
    if type(value) not in (float, Decimal128):
        return int(value)
    number = value.to_decimal() if type(value) is Decimal128 else value
    last = name.rpartition(".")[2]
    if number != number:
        raise CommandError(9, f"Expected an integer, but found NaN in: {last}: {value}")
    if not -(2**63) <= number < 2**63:
        raise CommandError(9, f"Cannot represent as a 64-bit integer: {last}: {value}")
    if number != int(number):
        raise CommandError(9, f"Expected an integer: {last}: {value}")
    return int(number)


def one_of(check: str, *types: type) -> Check:
    """A check for values of one of several types, named as MongoDB lists them."""

    def run(name: str, value: Any) -> Any:
        if type(value) not in types:
            raise wrong_type(name, value, check)
        return value

    return run


def _anything(name: str, value: Any) -> Any:
    return value


def document(default: Any = None, *, required: bool = False, null_is_absent: bool = True) -> Field:
    """A field that holds a document."""
    return Field(_document, default, required, null_is_absent)


def documents(*, required: bool = False) -> Field:
    """A field that holds an array of documents."""
    return Field(_documents, None, required)


def array(default: Any = None, *, required: bool = False) -> Field:
    """A field that holds an array."""
    return Field(_array, default, required)


def string(default: Any = None, *, required: bool = False) -> Field:
    """A field that holds a string."""
    return Field(_string, default, required)


def boolean(default: Any = False) -> Field:
    """A field that holds a bool or a number that stands for one."""
    return Field(_boolean, default)


def strict_boolean(default: Any = False) -> Field:
    """A field that holds a bool."""
    return Field(_strict_boolean, default)


def number(default: Any = None, *, minimum: int | None = None, maximum: int | None = None, required: bool = False) -> Field:
    """A field that holds a whole number of any numeric type."""
    return Field(integer(minimum, maximum), default, required)


def real() -> Field:
    """A field that holds a number of any type, given as a float."""
    return Field(_real)


def _real(name: str, value: Any) -> float:
    if not is_number(value):
        raise wrong_type(name, value, "[double, int, long, decimal]")
    return float(value.to_decimal() if type(value) is Decimal128 else value)


def anything(default: Any = None, *, required: bool = False) -> Field:
    """A field whose meaning the command checks itself."""
    return Field(_anything, default, required, null_is_absent=False)


def hint() -> Field:
    """An index by its name or its key pattern; MongoDB does not take a null for "not given" here."""
    return Field(_hint, null_is_absent=False)


def _hint(name: str, value: Any) -> str | dict[str, Any]:
    if type(value) is str or type(value) is dict:
        return value
    raise CommandError(9, "Hint must be a string or an object")


def own_string(command: str, value: Any) -> str:
    """The string that stands beside a command's name.

    Raises:
        CommandError: 40414 for null, 14 for another type.
    """
    if value is None:
        raise CommandError(40414, f"BSON field '{command}.{command}' is missing but a required field")
    return _string(f"{command}.{command}", value)


def uuid() -> Field:
    """A UUID: binary data of subtype 4."""
    return Field(_uuid)


def _uuid(name: str, value: Any) -> Binary:
    if type(value) is not Binary or value.subtype != UUID_SUBTYPE:
        raise wrong_type(name, value, "UUID") if type(value) is not Binary else CommandError(14, f"BSON field '{name}' is not a UUID")
    return exact_uuid(value)


def exact_uuid(value: Binary) -> Binary:
    """A UUID of 16 bytes.

    Raises:
        CommandError: 207 InvalidUUID.
    """
    if type(value) is not Binary or value.subtype != UUID_SUBTYPE or len(value) != 16:
        raise CommandError(207, "uuid must be a 16-byte binary field with UUID (4) subtype")
    return value


def long_id() -> Field:
    """A cursor's id: an int64 and nothing else."""
    return Field(one_of("long", Int64), None, True)


GENERIC: dict[str, Field] = {
    "$db": string(),
    "$readPreference": document(),
    "$clusterTime": document(),
    "$audit": anything(),
    "$client": anything(),
    "$configServerState": anything(),
    "$queryOptions": anything(),
    "$replData": anything(),
    "$tenant": anything(),
    "apiVersion": string(),
    "apiStrict": boolean(),
    "apiDeprecationErrors": boolean(),
    "autocommit": strict_boolean(None),
    "clientOperationKey": anything(),
    "comment": anything(),
    "lsid": document(),
    "maxTimeMS": Field(exact_integer),
    "maxTimeMSOpOnly": anything(),
    "mayBypassWriteBlocking": anything(),
    "operationSessionInfo": anything(),
    "rawData": anything(),
    "readConcern": document(),
    "startTransaction": strict_boolean(None),
    "txnNumber": Field(one_of("long", Int64)),
    "stmtId": anything(),
    "stmtIds": anything(),
    "txnRetryCounter": anything(),
    "writeConcern": document(),
    "isTimeseriesNamespace": anything(),
    "includeQueryStatsMetrics": anything(),
    "serialization_context": anything(),
}


# What drivers send with nearly every command is known to be right by its type.
_USUAL_TYPES: dict[str, type] = {
    "$db": str,
    "lsid": dict,
    "$clusterTime": dict,
    "txnNumber": Int64,
    "$readPreference": dict,
    "readConcern": dict,
    "writeConcern": dict,
}


class Arguments:
    """The declared fields of one command or of a document inside one.

    Arguments:
        name: the command's name, which errors put before the field's.
        fields: the fields beyond those that every command takes.
        generic: whether the fields of every command are allowed too.
    """

    def __init__(self, name: str, fields: Mapping[str, Field] | None = None, *, generic: bool = True) -> None:
        self.name = name
        self.fields = dict(fields or {})
        self._generic = generic
        self._defaults = {key: field.default for key, field in self.fields.items()}
        self._names = {key: f"{name}.{key}" for key in self.fields}
        self._required = [key for key, field in self.fields.items() if field.required]

    def parse(self, body: Mapping[str, Any], skip: str = "") -> dict[str, Any]:
        """The values of all declared fields, defaults included.

        Arguments:
            body: the document.
            skip: a key that is not a field: the command's own name.

        Raises:
            CommandError: 40415 for an unknown field, 40414 for a missing one, 14 for a wrong type, 2 for a bound.
        """
        values = self._defaults.copy()
        for key, value in body.items():
            if key == skip:
                continue
            field = self.fields.get(key)
            if field is not None:
                if value is None and field.null_is_absent:
                    continue
                values[key] = field.check(self._names[key], value)
            elif self._generic and key in GENERIC:
                if value is not None and type(value) is not _USUAL_TYPES.get(key):
                    GENERIC[key].check(f"{self.name}.{key}", value)
            else:
                raise CommandError(40415, f"BSON field '{self.name}.{key}' is an unknown field.")
        for key in self._required:
            if key not in body or values[key] is None:
                raise CommandError(40414, f"BSON field '{self.name}.{key}' is missing but a required field")
        return values
