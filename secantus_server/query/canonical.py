"""What a query asks for, parsed: the same for find, count, distinct, update, delete and the head of a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.sort import SortPattern


@dataclass
class CanonicalQuery:
    """A parsed query.

    Arguments:
        filter: as the user wrote it.
        match: the match expression of it, or None where it asks for everything.
        context: the surroundings it was parsed in.
        sort: the pattern, or None.
        natural: 1 or -1 where the user asked for the natural order, else 0.
        required_fields: the only top-level fields that the result needs, or None for whole documents.
        hint: an index's name or key pattern, or None.
        skip, limit: 0 is none; a planner may use the limit, the caller applies both.
    """

    filter: dict[str, Any]
    match: Any
    context: ParseContext
    sort: SortPattern | None = None
    natural: int = 0
    required_fields: frozenset[str] | None = None
    hint: str | dict[str, Any] | None = None
    skip: int = 0
    limit: int = 0


def parse_query(
    filter: dict[str, Any],
    ctx: ParseContext,
    *,
    sort: dict[str, Any] | None = None,
    hint: str | dict[str, Any] | None = None,
    skip: int = 0,
    limit: int = 0,
    required_fields: frozenset[str] | None = None,
) -> CanonicalQuery:
    """Parse a filter and a sort.

    Raises:
        CommandError: one of them is not valid.
    """
    match = parse_match(filter, ctx) if filter else None
    pattern, natural = None, 0
    if sort:
        natural = _natural(sort)
        pattern = None if natural else SortPattern.parse(sort, ctx)
    if type(hint) is dict and "$natural" in hint:
        natural = natural or (-1 if hint["$natural"] < 0 else 1)
        hint = None
    return CanonicalQuery(filter, match, ctx, pattern, natural, required_fields, hint, skip, limit)


def _natural(sort: dict[str, Any]) -> int:
    if list(sort) != ["$natural"]:
        return 0
    return -1 if sort["$natural"] < 0 else 1
