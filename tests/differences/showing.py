"""The register of observations that show each difference: a function that asks a database, and the answers of both releases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pymongo.database import Database
from pymongo.errors import OperationFailure

from tests.failing import code_of_call

Db = Database[dict[str, Any]]
Ask = Callable[[Db], Any]


class Shown(NamedTuple):
    """One observation of a difference."""

    difference: str
    ask: Ask
    before: Any
    after: Any


SHOWN: list[Shown] = []


def shows(difference: str, *, before: Any, after: Any) -> Callable[[Ask], Ask]:
    """Register a function that shows a difference.

    Arguments:
        before, after: the function's results under MongoDB 8.2, and under the release that introduces the difference.
    """

    def register(ask: Ask) -> Ask:
        SHOWN.append(Shown(difference, ask, before, after))
        return ask

    return register


def code_of(call: Callable[..., Any], *arguments: Any, **options: Any) -> int:
    """Return the code of the error that a call raises; 0 if it raises none."""
    return code_of_call(call, *arguments, **options) or 0


def value_of(db: Db, expression: Any, document: dict[str, Any] | None = None) -> Any:
    """Return the value of an expression for a document, or the code of its error."""
    pipeline = [{"$documents": [document or {"_": 0}]}, {"$project": {"_id": 0, "v": expression}}]
    try:
        [found] = db.aggregate(pipeline)
    except OperationFailure as error:
        return error.code
    return found.get("v")
