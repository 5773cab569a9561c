"""expectError against exceptions that pymongo raises; false expectations are checked like true ones."""

from __future__ import annotations

from typing import Any

import pytest
import secantus_conformance.unified.operators  # noqa: F401  (registers the operators)
from gridfs.errors import NoFile
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ClientBulkWriteException,
    ConfigurationError,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
)
from secantus_conformance.failures import AssertionFailed, BadTest
from secantus_conformance.unified.entities import EntityMap
from secantus_conformance.unified.error_checks import check_error
from secantus_conformance.unified.matching import Matcher

SERVER = OperationFailure(
    "boom", 26, {"ok": 0, "code": 26, "codeName": "NamespaceNotFound", "errmsg": "boom", "errorLabels": ["Transient"]}
)
DUPLICATE = DuplicateKeyError("dup", 11000, {"code": 11000, "errmsg": "dup"})
BULK = BulkWriteError(
    {
        "writeErrors": [{"index": 0, "code": 11000, "errmsg": "E11000 dup"}],
        "writeConcernErrors": [{"code": 91, "codeName": "ShutdownInProgress", "errmsg": "wce"}],
        "nInserted": 1,
        "nMatched": 0,
        "nModified": 0,
        "nRemoved": 0,
        "nUpserted": 0,
        "upserted": [],
    }
)
NETWORK = AutoReconnect("connection closed")
TIMEOUT = NetworkTimeout("timed out")
CLIENT_BULK = ClientBulkWriteException(
    {
        "anySuccessful": True,
        "error": SERVER,
        "writeErrors": [{"idx": 1, "code": 11000, "errmsg": "dup"}],
        "writeConcernErrors": [{"code": 91, "errmsg": "wce"}],
        "nInserted": 1,
        "nMatched": 0,
        "nModified": 0,
        "nDeleted": 0,
        "nUpserted": 0,
        "insertResults": {},
        "updateResults": {},
        "deleteResults": {},
    },
    False,
)

HOLDS: list[tuple[dict[str, Any], Exception]] = [
    ({"isError": True}, SERVER),
    ({"isClientError": False}, SERVER),
    ({"isClientError": False}, NotPrimaryError("not primary", {"code": 10107})),
    ({"isClientError": False}, BULK),
    ({"isClientError": False}, CLIENT_BULK),
    ({"isClientError": True}, NETWORK),
    ({"isClientError": True}, ServerSelectionTimeoutError("none")),
    ({"isClientError": True}, ConfigurationError("no")),
    ({"isClientError": True}, InvalidOperation("no")),
    ({"isClientError": True}, NoFile("no")),
    ({"isClientError": True}, TypeError("no")),
    ({"isTimeoutError": True}, TIMEOUT),
    ({"isTimeoutError": True}, ExecutionTimeout("slow", 50, {"code": 50})),
    ({"isTimeoutError": False}, SERVER),
    ({"isTimeoutError": False}, TypeError("no")),
    ({"errorContains": "BOOM"}, SERVER),
    ({"errorContains": "e11000"}, BULK),
    ({"errorContains": "wce"}, BULK),
    ({"errorCode": 26}, SERVER),
    ({"errorCode": 11000}, BULK),
    ({"errorCode": 91}, BULK),
    ({"errorCode": 26}, CLIENT_BULK),
    ({"errorCodeName": "namespacenotfound"}, SERVER),
    ({"errorCodeName": "DuplicateKey"}, DUPLICATE),
    ({"errorCodeName": "ShutdownInProgress"}, BULK),
    ({"errorCodeName": "DuplicateKey"}, BULK),
    ({"errorLabelsContain": ["Transient"]}, SERVER),
    ({"errorLabelsOmit": ["Retryable"]}, SERVER),
    ({"errorLabelsOmit": ["Retryable"]}, TypeError("no")),
    ({"errorResponse": {"code": 26}}, SERVER),
    ({"writeErrors": {"1": {"code": 11000}}}, CLIENT_BULK),
    ({"writeErrors": {}}, SERVER),
    ({"writeConcernErrors": [{"code": 91, "message": "wce"}]}, CLIENT_BULK),
    ({"writeConcernErrors": []}, SERVER),
    ({"expectResult": {"insertedCount": 1, "deletedCount": 0}}, BULK),
    ({"expectResult": {"$$unsetOrMatches": {"insertedCount": 7}}}, SERVER),
    ({"expectResult": {"insertedCount": 1, "insertResults": {"$$exists": False}}}, CLIENT_BULK),
]


@pytest.mark.parametrize(("expected", "error"), HOLDS)
def test_holds(expected: dict[str, Any], error: Exception) -> None:
    check_error(Matcher(EntityMap()), expected, error)


FAILS: list[tuple[dict[str, Any], Exception, str]] = [
    ({"isClientError": True}, SERVER, "comes from the server"),
    ({"isClientError": False}, NETWORK, "comes from the client"),
    ({"isClientError": True}, CLIENT_BULK, "comes from the server"),
    ({"isTimeoutError": True}, SERVER, "no timeout"),
    ({"isTimeoutError": False}, TIMEOUT, "a timeout"),
    ({"errorContains": "bang"}, SERVER, "does not contain 'bang'"),
    ({"errorCode": 27}, SERVER, "expected code 27, got 26"),
    ({"errorCode": 0}, SERVER, "expected code 0, got 26"),
    ({"errorCode": 26}, NETWORK, "got none"),
    ({"errorCode": 65}, BULK, "got 11000, 91"),
    ({"errorCodeName": "Other"}, SERVER, "got NamespaceNotFound"),
    ({"errorCodeName": "Other"}, NETWORK, "got none"),
    ({"errorLabelsContain": ["Transient", "Other"]}, SERVER, "no label Other"),
    ({"errorLabelsOmit": ["Transient"]}, SERVER, "has the label Transient"),
    ({"errorResponse": {"code": 27}}, SERVER, "errorResponse.code"),
    ({"errorResponse": {}}, NETWORK, "no server reply"),
    ({"writeErrors": {}}, CLIENT_BULK, "expected failed writes none, got 1"),
    ({"writeErrors": {"1": {"code": 1}}}, CLIENT_BULK, "writeErrors.1.code"),
    ({"writeErrors": {"1": {"code": 11000}, "2": {"code": 11000}}}, CLIENT_BULK, "got 1"),
    ({"writeConcernErrors": []}, CLIENT_BULK, "expected 0 elements, got 1"),
    ({"writeConcernErrors": [{"code": 1}]}, CLIENT_BULK, "writeConcernErrors"),
    ({"expectResult": {"insertedCount": 2}}, BULK, "expected 2, got 1"),
    ({"expectResult": {"insertedCount": 0}}, SERVER, "is missing"),
]


@pytest.mark.parametrize(("expected", "error", "words"), FAILS)
def test_fails(expected: dict[str, Any], error: Exception, words: str) -> None:
    with pytest.raises(AssertionFailed) as caught:
        check_error(Matcher(EntityMap()), expected, error)
    assert caught.value.kind == "error"
    assert words in caught.value.message


@pytest.mark.parametrize("expected", [{}, {"isError": False}, {"code": 26}])
def test_wrong_expectations(expected: dict[str, Any]) -> None:
    with pytest.raises(BadTest):
        check_error(Matcher(EntityMap()), expected, SERVER)
