"""The expectations of recorded cases: success, documents, replies, parts of replies, errors, and checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pymongo.errors import PyMongoError

from secantus_conformance import extjson
from secantus_conformance.cases.checks import holds, walk
from secantus_conformance.cases.values import equal, unordered
from secantus_conformance.failures import AssertionFailed, BadTest
from secantus_conformance.unified.driver_errors import short
from secantus_conformance.unified.values import ABSENT

# Fields in every reply of a replica set; their values differ from run to run.
_GOSSIP = {"$clusterTime", "operationTime", "electionId", "opTime"}
Reply = dict[str, Any]


def check(expected: dict[str, Any], reply: Reply | None, error: PyMongoError | None) -> None:
    """Check one expectation of a step.

    Raise AssertionFailed if it is not met, or BadTest if its form is unknown.
    """
    if "code" in expected:
        _check_code(expected, reply, error)
        return
    if error is not None or reply is None:
        reason = f"The command failed: {short(error) if error else 'no reply'}"
        raise AssertionFailed("unexpected-error", reason, "success", _said(reply, error))
    for key, judge in _JUDGES.items():
        if key in expected:
            judge(expected, reply)
            return
    raise BadTest("malformed", f"Unknown expectation {', '.join(expected)}.")


def _check_code(expected: dict[str, Any], reply: Reply | None, error: PyMongoError | None) -> None:
    code, message = _failure(reply, error)
    if code is None:
        raise AssertionFailed("unexpected-success", "The command succeeded.", extjson.show(expected), _said(reply, error))
    if code != int(expected["code"]) or expected.get("msg", message) != message:
        raise AssertionFailed(
            "error", f"expected code {expected['code']}, got {code}: {message}", extjson.show(expected), _said(reply, error)
        )


def _failure(reply: Reply | None, error: PyMongoError | None) -> tuple[int | None, str]:
    """Return the code and message of a failed command, or of its first failed write; (None, "") if it succeeded."""
    if error is not None:
        details = getattr(error, "details", None) or {}
        return getattr(error, "code", None) or -1, details.get("errmsg", str(error))
    failed = (reply or {}).get("writeErrors")
    return (failed[0]["code"], failed[0]["errmsg"]) if failed else (None, "")


def _said(reply: Reply | None, error: PyMongoError | None) -> str:
    if error is None:
        return extjson.show(reply)
    details = getattr(error, "details", None)
    return extjson.show(details) if details else f"{type(error).__name__}: {error}"


def _documents(reply: Reply) -> Any:
    cursor = reply.get("cursor")
    return cursor.get("firstBatch") if isinstance(cursor, dict) else None


def _check_documents(expected: dict[str, Any], reply: Reply) -> None:
    wanted, got = expected["docs"], _documents(reply)
    fields = expected.get("unordered_in") or []
    if fields and isinstance(got, list):
        wanted, got = _loosen_all(wanted, fields), _loosen_all(got, fields)
    if expected.get("unordered"):
        wanted, got = unordered(wanted), unordered(got)
    _require_equal(wanted, got, "The documents differ.")


def _check_reply(expected: dict[str, Any], reply: Reply) -> None:
    fields = expected.get("unordered_in") or []
    wanted = _loosen(_without_gossip(expected["reply"]), fields)
    _require_equal(wanted, _loosen(_without_gossip(reply), fields), "The reply differs.")


def _check_part(expected: dict[str, Any], reply: Reply) -> None:
    _require_equal(expected["has"], _part(expected["has"], reply), "The reply does not contain the expected fields.")


def _check_values(expected: dict[str, Any], reply: Reply) -> None:
    documents = _documents(reply) if expected.get("of") == "docs" else [reply]
    if not documents:
        raise AssertionFailed("result", "The reply contains no documents.", extjson.show(expected["checks"]), extjson.show(reply))
    wanted = expected["checks"] if isinstance(expected["checks"], list) else [expected["checks"]] * len(documents)
    if len(wanted) != len(documents):
        raise AssertionFailed(
            "result", f"expected {len(wanted)} documents, got {len(documents)}", extjson.show(wanted), extjson.show(documents)
        )
    for checks, document in zip(wanted, documents, strict=True):
        _check_document(checks, document)


def _check_document(checks: dict[str, list[list[Any]]], document: Any) -> None:
    for path, wanted in checks.items():
        value = walk(document, path)
        for name, *arguments in wanted:
            if not holds(name, value, arguments):
                shown = "nothing" if value is ABSENT else extjson.show(value)
                raise AssertionFailed(
                    "result", f"{path or 'the document'} is not {name} {arguments}", extjson.show({path: [name, *arguments]}), shown
                )


def _check_ok(expected: dict[str, Any], reply: Reply) -> None:
    """Check that the command succeeded, and nothing else."""


def _loosen(document: Any, fields: list[str]) -> Any:
    return (
        {key: unordered(value) if key in fields else value for key, value in document.items()} if isinstance(document, dict) else document
    )


def _loosen_all(documents: list[Any], fields: list[str]) -> list[Any]:
    return [_loosen(document, fields) for document in documents]


def _without_gossip(document: Any) -> Any:
    return {key: value for key, value in document.items() if key not in _GOSSIP} if isinstance(document, dict) else document


def _part(wanted: Any, got: Any) -> Any:
    """Return the part of a reply to which an expectation refers."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        return {key: _part(wanted[key], got[key]) for key in wanted if key in got}
    if isinstance(wanted, list) and isinstance(got, list):
        return [_part(each, item) for each, item in zip(wanted, got)]  # noqa: B905  (too few are found by the comparison)
    return got


def _require_equal(wanted: Any, got: Any, message: str) -> None:
    if not equal(wanted, got):
        raise AssertionFailed("result", message, extjson.show(wanted), extjson.show(got))


_JUDGES: dict[str, Callable[[dict[str, Any], Reply], None]] = {
    "ok": _check_ok,
    "has": _check_part,
    "checks": _check_values,
    "docs": _check_documents,
    "reply": _check_reply,
}
