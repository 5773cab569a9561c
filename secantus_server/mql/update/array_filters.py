"""The option `arrayFilters`, which defines conditions for the array elements that `$[identifier]` updates.

https://www.mongodb.com/docs/manual/reference/operator/update/positional-filtered/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.describe import describe_document
from secantus_server.mql.match import SPECIAL, MatchExpression, parse_match

_IDENTIFIER = re.compile(r"[a-z][a-zA-Z0-9]*")
_LOGICAL = ("$and", "$or", "$nor")


def parse_array_filters(filters: Sequence[Any], ctx: ParseContext) -> dict[str, MatchExpression]:
    """Parse array filters, and return a match expression for each identifier.

    To test an array element, apply the match expression to a document that contains the element in a field named like the identifier.

    Raises:
        CommandError: 9 or 2 if a filter has no identifier, several identifiers, or the identifier of another filter. 2, 224 or 5626500
            for an operator that is not allowed in array filters.
    """
    parsed: dict[str, MatchExpression] = {}
    for spec in filters:
        if type(spec) is not dict:
            raise CommandError(
                14, f"BSON field 'update.updates.arrayFilters.0' is the wrong type '{type_name(spec)}', expected type 'object'"
            )
        match = parse_match(spec, ctx, forbidden=SPECIAL)
        identifier = _identifier(spec)
        if identifier in parsed:
            raise CommandError(9, f"Found multiple array filters with the same top-level field name {identifier}")
        parsed[identifier] = match
    return parsed


def check_used(filters: Iterable[str], used: set[str], update: dict[str, Any]) -> None:
    """Check that the identifier of each array filter is used in an update path.

    Arguments:
        filters: the identifiers of the filters.
        used: the identifiers in the update's paths.
        update: the update, for the error message.

    Raises:
        CommandError: 9 for an unused filter.
    """
    for identifier in filters:
        if identifier not in used:
            raise CommandError(9, f"The array filter for identifier '{identifier}' was not used in the update {describe_document(update)}")


def _identifier(spec: dict[str, Any]) -> str:
    names = list(dict.fromkeys(_top_level_names(spec)))
    if not names:
        raise CommandError(9, "Cannot use an expression without a top-level field name in arrayFilters")
    if len(names) > 1:
        raise CommandError(
            9, f"Error parsing array filter :: caused by :: Expected a single top-level field name, found '{names[0]}' and '{names[1]}'"
        )
    if not _IDENTIFIER.fullmatch(names[0]):
        raise CommandError(
            2,
            "Error parsing array filter :: caused by :: The top-level field name must be an alphanumeric string beginning with a "
            f"lowercase letter, found '{names[0]}'",
        )
    return names[0]


def _top_level_names(spec: dict[str, Any]) -> Iterable[str]:
    for name, value in spec.items():
        if name in _LOGICAL and type(value) is list:
            for branch in value:
                yield from _top_level_names(branch) if type(branch) is dict else ()
        elif not name.startswith("$"):
            yield name.split(".")[0]
