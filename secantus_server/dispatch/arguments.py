"""What a command's document may hold: fields, their types and bounds, and MongoDB's errors where it holds something else.

A command declares its fields once; `Arguments.parse` checks a document against them and gives the values. The fields that every
command takes (`$db`, `lsid`, `maxTimeMS`, ...) are known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bson.int64 import Int64

from secantus_server.bson import RawDocument
from secantus_server.dispatch._fields import FieldTable
from secantus_server.dispatch.argument_values import (
    Check,
    as_anything,
    as_array,
    as_boolean,
    as_document,
    as_documents,
    as_hint,
    as_raw_document,
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

__all__ = [
    "GENERIC",
    "Arguments",
    "Check",
    "Field",
    "anything",
    "array",
    "as_anything",
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
        usual: a value of exactly this type needs no check and is used as it is.
    """

    check: Check
    default: Any = None
    required: bool = False
    null_is_absent: bool = True
    usual: type | None = None


def document(default: Any = None, *, required: bool = False, null_is_absent: bool = True) -> Field:
    """A field that holds a document."""
    return Field(as_document, default, required, null_is_absent, dict)


def documents(*, required: bool = False) -> Field:
    """A field that holds an array of documents."""
    return Field(as_documents, None, required)


def array(default: Any = None, *, required: bool = False) -> Field:
    """A field that holds an array."""
    return Field(as_array, default, required, usual=list)


def string(default: Any = None, *, required: bool = False) -> Field:
    """A field that holds a string."""
    return Field(as_string, default, required, usual=str)


def boolean(default: Any = False) -> Field:
    """A field that holds a bool or a number that stands for one."""
    return Field(as_boolean, default, usual=bool)


def strict_boolean(default: Any = False, *, null_is_absent: bool = True) -> Field:
    """A field that holds a bool."""
    return Field(as_strict_boolean, default, null_is_absent=null_is_absent, usual=bool)


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
    "$clusterTime": Field(as_raw_document, usual=RawDocument),
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
    "lsid": Field(as_raw_document, usual=RawDocument),
    "maxTimeMS": Field(exact_integer),
    "maxTimeMSOpOnly": anything(),
    "mayBypassWriteBlocking": anything(),
    "operationSessionInfo": anything(),
    "rawData": anything(),
    "readConcern": document(),
    "startTransaction": strict_boolean(None),
    "txnNumber": Field(one_of("long", Int64), usual=Int64),
    "stmtId": anything(),
    "stmtIds": anything(),
    "txnRetryCounter": anything(),
    "writeConcern": document(),
    "isTimeseriesNamespace": anything(),
    "includeQueryStatsMetrics": anything(),
    "serialization_context": anything(),
}


class Arguments(FieldTable):
    """The declared fields of one command or of a document inside one.

    Arguments:
        name: the command's name, which errors put before the field's.
        fields: the fields beyond those that every command takes.
        generic: whether the fields of every command are allowed too.
    """

    def __init__(self, name: str, fields: Mapping[str, Field] | None = None, *, generic: bool = True) -> None:
        super().__init__(name, dict(fields or {}), GENERIC if generic else {})
