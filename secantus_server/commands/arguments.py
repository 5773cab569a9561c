"""What a command's document may hold: fields, their types and bounds, and MongoDB's errors where it holds something else.

A command declares its fields once; `Arguments.parse` checks a document against them and gives the values. The fields that every
command takes (`$db`, `lsid`, `maxTimeMS`, ...) are known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bson.int64 import Int64

from secantus_server.commands.argument_values import (
    Check,
    as_anything,
    as_array,
    as_boolean,
    as_document,
    as_documents,
    as_hint,
    as_real,
    as_strict_boolean,
    as_string,
    as_uuid,
    exact_integer,
    exact_uuid,
    integer,
    one_of,
    own_string,
    truth,
    whole_number,
    wrong_type,
)
from secantus_server.errors import CommandError

__all__ = [
    "GENERIC",
    "Arguments",
    "Check",
    "Field",
    "anything",
    "array",
    "boolean",
    "document",
    "documents",
    "exact_integer",
    "exact_uuid",
    "hint",
    "integer",
    "long_id",
    "number",
    "one_of",
    "own_string",
    "real",
    "strict_boolean",
    "string",
    "truth",
    "uuid",
    "whole_number",
    "wrong_type",
]


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


def document(default: Any = None, *, required: bool = False, null_is_absent: bool = True) -> Field:
    """A field that holds a document."""
    return Field(as_document, default, required, null_is_absent)


def documents(*, required: bool = False) -> Field:
    """A field that holds an array of documents."""
    return Field(as_documents, None, required)


def array(default: Any = None, *, required: bool = False) -> Field:
    """A field that holds an array."""
    return Field(as_array, default, required)


def string(default: Any = None, *, required: bool = False) -> Field:
    """A field that holds a string."""
    return Field(as_string, default, required)


def boolean(default: Any = False) -> Field:
    """A field that holds a bool or a number that stands for one."""
    return Field(as_boolean, default)


def strict_boolean(default: Any = False) -> Field:
    """A field that holds a bool."""
    return Field(as_strict_boolean, default)


def number(default: Any = None, *, minimum: int | None = None, maximum: int | None = None, required: bool = False) -> Field:
    """A field that holds a whole number of any numeric type."""
    return Field(integer(minimum, maximum), default, required)


def real() -> Field:
    """A field that holds a number of any type, given as a float."""
    return Field(as_real)


def anything(default: Any = None, *, required: bool = False) -> Field:
    """A field whose meaning the command checks itself."""
    return Field(as_anything, default, required, null_is_absent=False)


def hint() -> Field:
    """An index by its name or its key pattern; MongoDB does not take a null for "not given" here."""
    return Field(as_hint, null_is_absent=False)


def uuid() -> Field:
    """A UUID: binary data of subtype 4."""
    return Field(as_uuid)


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
