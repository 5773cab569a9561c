"""What pymongo's exceptions say: whether the server spoke, with which codes, names, labels and words."""

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
    """The error that carries the server's answer, where pymongo wraps one in another."""
    if isinstance(error, ClientBulkWriteException) and error.error is not None:
        bulk: BaseException = error.error
        return bulk
    if isinstance(error, EncryptionError):
        cause: BaseException = error.cause
        return cause
    return error


def is_client_error(error: BaseException) -> bool:
    """Whether an error originates in the client: an argument it refuses, a broken connection, a server it cannot select."""
    error = inner(error)
    if isinstance(error, (OperationFailure, NotPrimaryError, ClientBulkWriteException)):
        return False
    if isinstance(error, (ConnectionFailure, ConfigurationError, InvalidOperation, GridFSError)):
        return True
    return not isinstance(error, PyMongoError) or not details(error)


def is_expected_class(error: BaseException) -> bool:
    """Whether an exception is one that a user of the driver would see as an error of the operation, not a mistake of this runner."""
    bson_or_argument = isinstance(error, (TypeError, ValueError, OverflowError)) or type(error).__module__.startswith("bson.")
    return isinstance(error, PyMongoError) or (bson_or_argument and raised_by_driver(error))


def is_timeout(error: BaseException) -> bool:
    """Whether the error is a timeout."""
    return isinstance(error, PyMongoError) and error.timeout


def details(error: BaseException) -> dict[str, Any]:
    """The server's reply, as far as the exception carries it."""
    found = getattr(inner(error), "details", None)
    return dict(found) if isinstance(found, dict) else {}


def codes(error: BaseException) -> list[int]:
    """All codes the server gave: of the reply itself, or of the single writes of a bulk write."""
    error = inner(error)
    if isinstance(error, BulkWriteError):
        return [part["code"] for part in _parts(error) if "code" in part]
    found = getattr(error, "code", None)
    reply = details(error).get("code", found)
    return [reply] if isinstance(reply, int) else []


def code_names(error: BaseException) -> list[str]:
    """All names of codes the server gave; a single write's code has no name in the reply and is looked up."""
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
    """All the words of an error; those of a bulk write hold the messages of its single writes."""
    error = inner(error)
    if isinstance(error, (BulkWriteError, ClientBulkWriteException)):
        return f"{error} {error.details}"
    return str(error)


def short(error: BaseException) -> str:
    """The words of an error without the server's whole reply, which the driver appends to them."""
    return str(error).split(", full error: ")[0]


def has_label(error: BaseException, label: str) -> bool:
    """Whether an error carries a label."""
    error = inner(error)
    return isinstance(error, PyMongoError) and error.has_error_label(label)


def write_errors(error: BaseException) -> dict[str, Any]:
    """The failed writes of a client's bulk write, by their index, in the format's names."""
    found: list[Any] = [*(error.write_errors or [])] if isinstance(error, ClientBulkWriteException) else []
    return {str(each["idx"]): _write_error(each) for each in found}


def _write_error(each: dict[str, Any]) -> dict[str, Any]:
    document = {"code": each.get("code"), "message": each.get("errmsg")}
    return {**document, "details": each["errInfo"]} if "errInfo" in each else document


def write_concern_errors(error: BaseException) -> list[Any]:
    """The write concern errors of a client's bulk write, in the format's names."""
    found: list[Any] = [*(error.write_concern_errors or [])] if isinstance(error, ClientBulkWriteException) else []
    return [{"code": each.get("code"), "message": each.get("errmsg"), "details": each.get("errInfo", {})} for each in found]


def partial_result(error: BaseException) -> Any:
    """What a bulk write had done before it failed; ABSENT if the error does not say."""
    if isinstance(error, BulkWriteError):
        return results.bulk(BulkWriteResult(dict(error.details or {}), True))
    if isinstance(error, ClientBulkWriteException) and error.partial_result is not None:
        return results.client_bulk(error.partial_result)
    return ABSENT
