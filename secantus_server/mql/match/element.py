"""The operators `$exists` and `$type`.

https://www.mongodb.com/docs/manual/reference/operator/query-element/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import is_number
from secantus_server.bson.numbers import python_number
from secantus_server.bson.values import TYPE_NAMES, UNDEFINED
from secantus_server.errors import CommandError
from secantus_server.mql.match._nodes import MatchExpression, Not
from secantus_server.mql.match._predicates import Exists, TypeMatch
from secantus_server.mql.match.registry import Clause, field_operator

NUMBER_CODES = {1, 16, 18, 19}
CODES_BY_NAME: dict[str, set[int]] = {**{name: {code} for code, name in TYPE_NAMES.items()}, "number": NUMBER_CODES}


def is_true(value: Any) -> bool:
    """Return whether an operator's argument counts as true. Only false, zero, null and undefined count as false."""
    if value is None or value is False or value is UNDEFINED:
        return False
    return not is_number(value) or python_number(value) != 0


@field_operator("$exists")
def parse_exists(clause: Clause) -> MatchExpression:
    """Parse `$exists`. With a true argument, it matches documents that have the field. With a false argument, it matches documents
    without it.
    """
    node = Exists(clause.path)
    return node if is_true(clause.argument) else Not(node)


@field_operator("$type")
def parse_type(clause: Clause) -> MatchExpression:
    """Parse `$type`, whose argument is one BSON type or a list of types, given by name or number."""
    wanted = clause.argument if type(clause.argument) is list else [clause.argument]
    if not wanted:
        raise CommandError(9, f"{clause.path} must match at least one type")
    codes: set[int] = set()
    for item in wanted:
        codes |= type_codes(item)
    return TypeMatch(clause.path, codes)


def type_codes(item: Any) -> set[int]:
    """Return the BSON type bytes for a type's name or number. Several bytes are returned for a name such as "number".

    Raises:
        CommandError: 2 for an unknown type, 14 if the argument is neither a string nor a number.
    """
    if type(item) is str:
        if item not in CODES_BY_NAME:
            raise CommandError(2, f"Unknown type name alias: {item}")
        return CODES_BY_NAME[item]
    if not is_number(item):
        raise CommandError(14, "type must be represented as a number or a string")
    number = python_number(item)
    if number == 0:
        raise CommandError(2, "Invalid numerical type code: 0. Instead use {$exists:false}.")
    if number == -1:
        return {255}
    if number not in TYPE_NAMES or number == 255:
        raise CommandError(2, f"Invalid numerical type code: {number}")
    return {int(number)}
