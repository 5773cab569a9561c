"""From the nodes of a match expression to intervals of an index field's key strings."""

from __future__ import annotations

from typing import Any, NamedTuple

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson import canonical_type, key_string
from secantus_server.bson.shell import shell_text
from secantus_server.bson.values import Date, Regex, Undefined
from secantus_server.exec._scan import next_prefix
from secantus_server.mql.context import Collation
from secantus_server.mql.match import Comparison, In, RegexMatch
from secantus_server.query.bounds import FieldInterval, point

_RANGE_TYPES = (int, Int64, float, Decimal128, str, Date, ObjectId, bool, Timestamp, Binary)
_NUMBER_RANK, _STRING_RANK = 40, 50
# The class byte above NaN: where the numbers begin that a range can match.
_FIRST_NUMBER = bytes([_NUMBER_RANK, 2])
_REGEX_SPECIAL = frozenset("^$.|?*+()[]{}\\")


class Predicate(NamedTuple):
    """What one node says of one path.

    Arguments:
        intervals: ascending and disjoint; no document outside them matches.
        exact: every document inside them matches.
    """

    path: str
    intervals: list[FieldInterval]
    exact: bool


def predicate_of(node: Any, collation: Collation | None) -> Predicate | None:
    """What a node says, or None if an index cannot help with it.

    Arguments:
        node: a node of a match expression.
        collation: that of the index.
    """
    found = None
    if type(node) is Comparison:
        found = _equality(node.operand, collation) if node.operator == "$eq" else _range(node.operator, node.operand, collation)
    elif type(node) is In:
        found = _membership(node, collation)
    elif type(node) is RegexMatch and collation is None:
        found = _prefix(node.pattern, node.options)
    if found is None:
        return None
    intervals, exact = found
    return Predicate(node.path, intervals, exact and not any(part.isdigit() for part in node.path.split(".")))


def mentions_text(node: Any) -> bool:
    """Whether the comparison depends on the collation."""
    operands = node.operands if type(node) is In else [node.operand] if type(node) is Comparison else []
    return any(_has_text(operand) for operand in operands)


def _has_text(value: Any) -> bool:
    if type(value) is dict:
        return any(map(_has_text, value.values()))
    return type(value) is str or type(value) is list and any(map(_has_text, value))


def _equality(operand: Any, collation: Collation | None) -> tuple[list[FieldInterval], bool] | None:
    if type(operand) in (list, Regex, Undefined):
        return None
    return [point(operand, collation)], operand is not None


def _membership(node: Any, collation: Collation | None) -> tuple[list[FieldInterval], bool] | None:
    if node.regexes:
        return None
    points: dict[bytes, FieldInterval] = {}
    for operand in node.operands:
        if type(operand) in (list, Regex, Undefined):
            return None
        interval = point(operand, collation)
        points[interval.low] = interval
    return [points[key] for key in sorted(points)], None not in node.operands


def _range(operator: str, operand: Any, collation: Collation | None) -> tuple[list[FieldInterval], bool] | None:
    if type(operand) not in _RANGE_TYPES or operand != operand or type(operand) is Decimal128 and operand.to_decimal().is_nan():
        return None
    rank = canonical_type(operand)
    key, text = key_string(operand, collation), shell_text(operand)
    low, high = _bracket(rank)
    low_text, high_text = _bracket_text(operand)
    if operator == "$gt":
        return [FieldInterval(key, False, high, False, text, high_text)], True
    if operator == "$gte":
        return [FieldInterval(key, True, high, False, text, high_text)], True
    return [FieldInterval(low, True, key, operator == "$lte", low_text, text)], True


def _bracket(rank: int) -> tuple[bytes, bytes]:
    """The keys of all values of a type, as [low, high)."""
    return (_FIRST_NUMBER if rank == _NUMBER_RANK else bytes([rank])), bytes([rank + 1])


def _bracket_text(operand: Any) -> tuple[str, str]:
    if type(operand) is str:
        return '""', "{}"
    if type(operand) is Date:
        return "new Date(-9223372036854775808)", "new Date(9223372036854775807)"
    if type(operand) is bool:
        return "false", "true"
    if type(operand) is ObjectId:
        return "ObjectId('000000000000000000000000')", "ObjectId('ffffffffffffffffffffffff')"
    return "-inf.0", "inf.0"


def _prefix(pattern: str, options: str) -> tuple[list[FieldInterval], bool] | None:
    """The strings that begin as the regular expression demands, and regular expressions themselves."""
    if not pattern.startswith("^") or "|" in pattern or set(options) & set("imx"):
        return None
    literal = ""
    for character in pattern[1:]:
        if character in _REGEX_SPECIAL:
            break
        literal += character
    rest = pattern[1 + len(literal) :]
    if rest[:1] in ("?", "*", "{"):
        literal = literal[:-1]
    if not literal or "\0" in literal:
        return None
    low = bytes([_STRING_RANK]) + literal.encode("utf-8", "surrogateescape")
    high = next_prefix(low)
    assert high is not None, "a string's rank is not 255"
    following = literal[:-1] + chr(min(ord(literal[-1]) + 1, 0x10FFFF))
    strings = FieldInterval(low, True, high, False, shell_text(literal), shell_text(following))
    regexes = FieldInterval(b"\x82", True, b"\x83", False, f"/{pattern}/", f"/{pattern}/")
    return [strings, regexes], False
