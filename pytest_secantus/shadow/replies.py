"""The comparison of replies, limited to the parts that MongoDB's documentation specifies."""

from __future__ import annotations

from typing import Any, Final

from pytest_secantus.shadow.equality import Aside, Comparison, Mismatch
from pytest_secantus.shadow.results import UNORDERED, compare_results
from secantus_server.bson.values import MISSING

#: The fields of replies that are compared, in addition to cursors, write errors and values.
_COUNTS: Final = (
    "n", "nModified", "nInserted", "nMatched", "nUpserted", "nDeleted", "nErrors", "numIndexesBefore", "numIndexesAfter", "nIndexesWas",
)  # fmt: skip
_OF_INDEXES: Final = frozenset(["v", "ns", "background", "textIndexVersion", "2dsphereIndexVersion"])


def compare_replies(name: str, ours: dict[str, Any], theirs: dict[str, Any], aside: Aside) -> Mismatch | None:
    """Return the first difference between two replies, or None. Ignore their cursors, error messages, labels and times.

    Arguments:
        name: the command's name.
    """
    if bool(ours.get("ok")) != bool(theirs.get("ok")):
        return Mismatch("ok", _result_of(ours), _result_of(theirs))
    if not ours.get("ok"):
        return None if ours.get("code") == theirs.get("code") else Mismatch("code", _result_of(ours), _result_of(theirs))
    comparison = Comparison(aside)
    found = _compare_counts(ours, theirs) or _compare_write_errors(ours, theirs, comparison)
    if found is None and name.lower() == "findandmodify":
        found = comparison.mismatch(_outcome_of(ours), _outcome_of(theirs), "")
    found = found or comparison.mismatch(ours.get("upserted", []), theirs.get("upserted", []), "upserted")
    if found is None:
        comparison.accept()
    if found is None and name == "distinct":
        return compare_results(ours.get("values", []), theirs.get("values", []), UNORDERED, aside, "values")
    return found


def _compare_counts(ours: dict[str, Any], theirs: dict[str, Any]) -> Mismatch | None:
    for name in _COUNTS:
        # Servers may return such a number as an int or a long.
        if ours.get(name, MISSING) != theirs.get(name, MISSING):
            return Mismatch(name, ours.get(name, MISSING), theirs.get(name, MISSING))
    codes = [(one.get("writeConcernError") or {}).get("code", MISSING) for one in (ours, theirs)]
    return None if codes[0] == codes[1] else Mismatch("writeConcernError.code", *codes)


def _compare_write_errors(ours: dict[str, Any], theirs: dict[str, Any], comparison: Comparison) -> Mismatch | None:
    kept = ("index", "code", "keyPattern", "keyValue")
    mine, others = ([{key: error[key] for key in kept if key in error} for error in one.get("writeErrors", ())] for one in (ours, theirs))
    return comparison.mismatch(mine, others, "writeErrors")


def _outcome_of(reply: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a findAndModify reply that describes the effect."""
    last = reply.get("lastErrorObject", {})
    return {"value": reply.get("value"), "lastErrorObject": {key: value for key, value in last.items() if key != "n"}}


def _result_of(reply: dict[str, Any]) -> Any:
    """Return the result in a reply, for display: its error, or 1 for success."""
    if reply.get("ok"):
        return {"ok": 1}
    return {"ok": 0, "code": reply.get("code"), "errmsg": reply.get("errmsg")}


def comparable_results(name: str, results: list[Any], database: str) -> list[Any]:
    """Return the results of a listing command without the fields that differ between servers. Return results of other commands unchanged.

    Arguments:
        database: the database's name on the server that returned the results, because namespaces contain it.
    """
    if name == "listIndexes":
        return [{key: value for key, value in index.items() if key not in _OF_INDEXES} for index in results]
    if name == "listCollections":
        kept = ("name", "type", "options")
        return [{key: one[key] for key in kept if key in one} for one in results if one.get("name") != "system.views"]
    if name == "bulkWrite":
        return [{key: value for key, value in one.items() if key not in ("errmsg", "codeName")} for one in results]
    return results
