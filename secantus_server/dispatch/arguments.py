"""The declared fields of commands, with their types, their bounds, and MongoDB's errors for invalid values.

A command declares its fields once. `Arguments.parse` validates a document against the declarations and returns the values. Fields that
are allowed in every command (`$db`, `lsid`, `maxTimeMS`, ...) are declared in `GENERIC`.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    as_statement_id,
    as_statement_ids,
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
from secantus_server.dispatch.read_preferences import as_read_preference
from secantus_server.records import record

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


INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


@record(frozen=True)
class Field:
    """The declaration of one field of a command.

    Arguments:
        check: a function that takes the field's full name (such as "find.limit") and the value, and returns the value to use or raises an
            error.
        default: the value if the field is absent.
        required: whether the absence of the field is an error.
        null_is_absent: whether null counts as absent.
        usual: the type of values that are accepted without calling `check`, for speed.
        bounds: the range of ints that are accepted without calling `check`; None if `usual` is not int.
    """

    check: Check
    default: Any = None
    required: bool = False
    null_is_absent: bool = True
    usual: type | None = None
    bounds: tuple[int, int] | None = None


def document(default: Any = None, *, required: bool = False, null_is_absent: bool = True) -> Field:
    """Declare a field whose value is a document."""
    return Field(as_document, default, required, null_is_absent, dict)


def documents(*, required: bool = False) -> Field:
    """Declare a field whose value is an array of documents."""
    return Field(as_documents, None, required)


def array(default: Any = None, *, required: bool = False, null_is_absent: bool = True) -> Field:
    """Declare a field whose value is an array."""
    return Field(as_array, default, required, null_is_absent, list)


def string(default: Any = None, *, required: bool = False) -> Field:
    """Declare a field whose value is a string."""
    return Field(as_string, default, required, usual=str)


def boolean(default: Any = False) -> Field:
    """Declare a field whose value is a bool. Numbers are converted."""
    return Field(as_boolean, default, usual=bool)


def strict_boolean(default: Any = False, *, null_is_absent: bool = True) -> Field:
    """Declare a field whose value is a bool. A number raises an error."""
    return Field(as_strict_boolean, default, null_is_absent=null_is_absent, usual=bool)


def number(default: Any = None, *, minimum: int | None = None, maximum: int | None = None, required: bool = False) -> Field:
    """Declare a field whose value is a number of any type, converted to an integer."""
    bounds = (INT32_MIN if minimum is None else minimum, INT32_MAX if maximum is None else maximum)
    return Field(integer(minimum, maximum), default, required, usual=int, bounds=bounds)


def real() -> Field:
    """Declare a field whose value is a number of any type, converted to a float."""
    return Field(as_real)


def anything(default: Any = None, *, required: bool = False) -> Field:
    """Declare a field of any type, which the command validates itself."""
    return Field(as_anything, default, required, null_is_absent=False)


def hint() -> Field:
    """Declare a field whose value is an index name or a key pattern. As in MongoDB, null does not count as absent."""
    return Field(as_hint, null_is_absent=False)


def uuid() -> Field:
    """Declare a field whose value is a UUID."""
    return Field(as_uuid)


def long_id() -> Field:
    """Declare a field whose value is a cursor id, which is an int64."""
    return Field(one_of("long", Int64), None, True)


GENERIC: dict[str, Field] = {
    "$db": string(),
    "$readPreference": Field(as_read_preference),
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
    "rawData": boolean(),
    "readConcern": document(),
    "startTransaction": strict_boolean(None),
    "txnNumber": Field(one_of("long", Int64), usual=Int64),
    "stmtId": Field(as_statement_id),
    "stmtIds": Field(as_statement_ids),
    "txnRetryCounter": anything(),
    "writeConcern": document(),
    "isTimeseriesNamespace": anything(),
    "includeQueryStatsMetrics": anything(),
    "serialization_context": anything(),
}


class Arguments(FieldTable):
    """The declared fields of a command, or of a document inside a command.

    Arguments:
        name: the command's name, which is the prefix of field names in errors.
        fields: the fields in addition to the generic fields.
        generic: whether the fields of `GENERIC` are also allowed.
    """

    def __init__(self, name: str, fields: Mapping[str, Field] | None = None, *, generic: bool = True) -> None:
        super().__init__(name, dict(fields or {}), GENERIC if generic else {})
