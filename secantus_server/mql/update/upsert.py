"""Builds the document that an upsert inserts if no document matches.

https://www.mongodb.com/docs/manual/reference/method/db.collection.update/#insert-a-new-document-if-no-match-exists--upsert-
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secantus_server.bson import encode, type_name
from secantus_server.bson.values import MISSING, Regex, Undefined
from secantus_server.differences import UPSERT_TOO_LARGE
from secantus_server.errors import ChangedError, CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import And, Comparison, MatchExpression
from secantus_server.mql.projection.query import contains_expr
from secantus_server.mql.update._apply import MAX_DOCUMENT_SIZE, id_element, lookup, without_id
from secantus_server.mql.update.updates import Update

#: The error code of an update whose result is too large.
UPDATE_TOO_LARGE = 17419


def check_upsert_filter(match: MatchExpression) -> None:
    """Check that a filter is allowed in an upsert, which inserts the values of the filter's equality conditions.

    Raises:
        CommandError: 224 if the filter contains `$expr`.
    """
    if contains_expr(match):
        raise CommandError(224, "$expr is not allowed in the query predicate for an upsert")


def upsert_document(match: MatchExpression, update: Update, ctx: ParseContext) -> bytes:
    """Return the document that an upsert inserts.

    It consists of the values in the filter's equality conditions, changed by the update. Its first field is the `_id`.

    Arguments:
        match: the filter. If the update is a replacement, only the filter's `_id` is used.

    The other arguments and the errors are those of `document_with`.
    """
    return document_with(list(_equalities(match)), update, ctx)


def document_with(equalities: list[tuple[str, Any]], update: Update, ctx: ParseContext) -> bytes:
    """Return the document that an upsert inserts, as `upsert_document` does.

    Arguments:
        equalities: the (path, value) pairs of the filter's equality conditions.
        update: the update to apply.
        ctx: generates the `_id` if neither the filter nor the update contains one.

    Raises:
        CommandError: 54 if the filter sets two values for one path, 66 if the update changes the filter's `_id`, 53 if the `_id` has an
            invalid type, 17419 or 17420 (10334 since MongoDB 8.3) if the document is too large.
    """
    if update.is_replacement:
        equalities = [(path, value) for path, value in equalities if path == "_id" or path.startswith("_id.")]
    try:
        document = update.apply(encode(_nested(equalities)), inserting=True)
    except CommandError as error:
        raise (_too_large(error.code, error.message) if error.code == UPDATE_TOO_LARGE else error) from None
    return _with_id(document, ctx)


def _too_large(code: int, message: str) -> CommandError:
    return ChangedError(code, message, UPSERT_TOO_LARGE, CommandError(10334, message))


def _with_id(document: bytes, ctx: ParseContext) -> bytes:
    value, _ = lookup(document, (b"_id",))
    if type(value) in (list, Regex, Undefined):
        raise CommandError(53, f"The '_id' value cannot be of type {type_name(value)}")
    first = id_element(document) if value is not MISSING else encode({"_id": ctx.generate_object_id()})[4:-1]
    body = first + without_id(document)
    if len(body) + 5 > MAX_DOCUMENT_SIZE:
        raise _too_large(17420, f"Document to upsert is larger than {MAX_DOCUMENT_SIZE}")
    return (len(body) + 5).to_bytes(4, "little") + body + b"\0"


def _equalities(match: MatchExpression) -> Iterator[tuple[str, Any]]:
    """Yield a (path, value) pair for each equality condition that every document matching the filter satisfies.

    (The parser converts `$or` and `$in` with one branch to equality conditions.)
    """
    if isinstance(match, And):
        for child in match.children:
            yield from _equalities(child)
    elif isinstance(match, Comparison) and match.operator == "$eq":
        yield match.path, match.operand


def _nested(equalities: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build a document with the given values at the given paths.

    Raises:
        CommandError: 54 if two paths are equal or one is a prefix of the other.
    """
    document: dict[str, Any] = {}
    taken: set[str] = set()
    for path, value in sorted(equalities, key=lambda item: item[0].encode("utf-8", "surrogateescape")):
        _check_free(path, taken)
        taken.add(path)
        *parents, last = path.split(".")
        holder = document
        for name in parents:
            holder = holder.setdefault(name, {})
        holder[last] = value
    return document


def _check_free(path: str, taken: set[str]) -> None:
    if path in taken:
        raise CommandError(54, f"cannot infer query fields to set, path '{path}' is matched twice")
    for other in taken:
        if path.startswith(other + ".") or other.startswith(path + "."):
            raise CommandError(54, f"cannot infer query fields to set, both paths '{other}' and '{path}' are matched")
