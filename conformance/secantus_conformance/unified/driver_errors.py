"""Functions that extract the origin, codes, code names, labels and messages from pymongo's exceptions."""

from __future__ import annotations

from typing import Any

from gridfs.errors import GridFSError
from pymongo.errors import (
    BulkWriteError,
    ClientBulkWriteException,
    ConfigurationError,
    ConnectionFailure,
    EncryptionError,
    InvalidOperation,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
)
from pymongo.results import BulkWriteResult

from secantus_conformance.unified import results
from secantus_conformance.unified.driver_private import raised_by_driver
from secantus_conformance.unified.values import ABSENT
from secantus_server.error_codes import NAMES


def inner(error: BaseException) -> BaseException:
    """Return the error that contains the server's reply, which pymongo may have wrapped in a second error."""
    if isinstance(error, ClientBulkWriteException) and error.error is not None:
        bulk: BaseException = error.error
        return bulk
    if isinstance(error, EncryptionError):
        cause: BaseException = error.cause
        return cause
    return error


def is_client_error(error: BaseException) -> bool:
    """Return whether an error originates in the client, such as a rejected argument, a broken connection, or a failed server selection."""
    error = inner(error)
    if isinstance(error, (OperationFailure, NotPrimaryError, ClientBulkWriteException)):
        return False
    if isinstance(error, (ConnectionFailure, ConfigurationError, InvalidOperation, GridFSError)):
        return True
    return not isinstance(error, PyMongoError) or not details(error)


def is_expected_class(error: BaseException) -> bool:
    """Return whether an exception is an error that the driver raises for its users, and not a bug in this runner."""
    bson_or_argument = isinstance(error, (TypeError, ValueError, OverflowError)) or type(error).__module__.startswith("bson.")
    return isinstance(error, PyMongoError) or (bson_or_argument and raised_by_driver(error))


def is_timeout(error: BaseException) -> bool:
    """Return whether the error is a timeout."""
    return isinstance(error, PyMongoError) and error.timeout


def details(error: BaseException) -> dict[str, Any]:
    """Return the part of the server's reply that the exception contains."""
    found = getattr(inner(error), "details", None)
    return dict(found) if isinstance(found, dict) else {}


def codes(error: BaseException) -> list[int]:
    """Return all error codes in the reply: the code of the command, or the codes of the individual writes of a bulk write."""
    error = inner(error)
    if isinstance(error, BulkWriteError):
        return [part["code"] for part in _parts(error) if "code" in part]
    found = getattr(error, "code", None)
    reply = details(error).get("code", found)
    return [reply] if isinstance(reply, int) else []


def code_names(error: BaseException) -> list[str]:
    """Return all code names in the reply. For individual writes, look the names up, because the reply contains only their codes."""
    error = inner(error)
    if isinstance(error, BulkWriteError):
        return [part.get("codeName") or NAMES.get(part.get("code", 0), "") for part in _parts(error)]
    reply = details(error)
    name = reply.get("codeName") or NAMES.get(reply.get("code", 0), "")
    return [name] if name else []


def _parts(error: BulkWriteError) -> list[dict[str, Any]]:
    reply = error.details or {}
    return [*reply.get("writeErrors", []), *reply.get("writeConcernErrors", [])]


def message(error: BaseException) -> str:
    """Return an error's message. For a bulk write, include the messages of the individual writes."""
    error = inner(error)
    if isinstance(error, (BulkWriteError, ClientBulkWriteException)):
        return f"{error} {error.details}"
    return str(error)


def short(error: BaseException) -> str:
    """Return an error's message without the complete server reply, which the driver appends."""
    return str(error).split(", full error: ")[0]


def has_label(error: BaseException, label: str) -> bool:
    """Return whether an error has a label."""
    error = inner(error)
    return isinstance(error, PyMongoError) and error.has_error_label(label)


def write_errors(error: BaseException) -> dict[str, Any]:
    """Return the failed writes of a client bulk write by index, with the format's field names."""
    found: list[Any] = [*(error.write_errors or [])] if isinstance(error, ClientBulkWriteException) else []
    return {str(each["idx"]): _write_error(each) for each in found}


def _write_error(each: dict[str, Any]) -> dict[str, Any]:
    document = {"code": each.get("code"), "message": each.get("errmsg")}
    return {**document, "details": each["errInfo"]} if "errInfo" in each else document


def write_concern_errors(error: BaseException) -> list[Any]:
    """Return the write concern errors of a client bulk write, with the format's field names."""
    found: list[Any] = [*(error.write_concern_errors or [])] if isinstance(error, ClientBulkWriteException) else []
    return [{"code": each.get("code"), "message": each.get("errmsg"), "details": each.get("errInfo", {})} for each in found]


def partial_result(error: BaseException) -> Any:
    """Return the partial result of a failed bulk write, or ABSENT if the error has none."""
    if isinstance(error, BulkWriteError):
        return results.bulk(BulkWriteResult(dict(error.details or {}), True))
    if isinstance(error, ClientBulkWriteException) and error.partial_result is not None:
        return results.client_bulk(error.partial_result)
    return ABSENT
