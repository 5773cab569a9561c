"""Translates the nodes of a match expression to predicates, which describe the intervals of key strings that can match."""

from __future__ import annotations

from typing import Any, NamedTuple

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson import key_string
from secantus_server.bson.values import UNDEFINED, Date, Regex, Undefined
from secantus_server.exec._scan import next_prefix
from secantus_server.mql.context import Collation
from secantus_server.mql.match import And, Comparison, ElemMatchValue, Exists, In, Not, RegexMatch
from secantus_server.query.bounds import EVERYTHING, STRING_RANK, End, FieldInterval, bracket, complement, intersect, point, union_of

# The types of the operands of ranges.
RANGE_TYPES = (int, Int64, float, Decimal128, str, Date, ObjectId, bool, Timestamp, Binary)
_REGEX_SPECIAL = frozenset("^$.|?*+()[]{}\\")
_NULL_KEY = key_string(None)

# The first fields of a Predicate after `path`: intervals, exact, and possibly exact_alone and selective.
Bounds = tuple[list[FieldInterval], bool] | tuple[list[FieldInterval], bool, bool, bool]


class Predicate(NamedTuple):
    """The bounds that one filter node sets on one path, as intervals of key strings.

    Arguments:
        intervals: ascending and disjoint intervals. Documents outside the intervals do not match (for exceptions, see `escapes`).
        exact: whether every document inside the intervals matches.
        exact_alone: whether `exact` is true for an index that is not multikey.
        selective: whether the intervals are likely to exclude most documents.
        escapes: whether a document may match although its key in a multikey index is outside the intervals. For example, `{"a.b": {$ne:
            null}}` matches `{a: []}`, which has no value at the path and therefore the key null.
    """

    path: str
    intervals: list[FieldInterval]
    exact: bool
    exact_alone: bool = False
    selective: bool = True
    escapes: bool = False

    @property
    def demands_value(self) -> bool:
        """Whether only documents that have the path can match. If so, the intervals exclude null, the key of a missing field."""
        return not self.escapes and not _has_null(self.intervals)


def _has_null(intervals: list[FieldInterval]) -> bool:
    return any(_contains_null(interval) for interval in intervals)


def _contains_null(interval: FieldInterval) -> bool:
    if interval.low == _NULL_KEY or interval.high == _NULL_KEY:
        return (interval.low < _NULL_KEY or interval.low_included) and (interval.high > _NULL_KEY or interval.high_included)
    return interval.low < _NULL_KEY < interval.high


def conjuncts(match: Any) -> list[Any]:
    """Return the conjuncts of a match expression, or an empty list for None."""
    if match is None:
        return []
    if type(match) is not And:
        return [match]
    if And in map(type, match.children):
        return [node for child in match.children for node in conjuncts(child)]
    return list(match.children)


def has_index_component(path: str) -> bool:
    """Return whether the path has a component that may be an array index."""
    return any(map(str.isdigit, path.split("."))) if "." in path else path.isdigit()


def predicate_of(node: Any, collation: Collation | None) -> Predicate | None:
    """Translate a filter node to a predicate. Return None if an index cannot serve the node.

    Arguments:
        node: a node of a match expression.
        collation: the index's collation.
    """
    found = _intervals(node, collation)
    if found is None:
        return None
    positive: Any = node.child if type(node) is Not else node
    path = positive.path
    escapes = positive is not node and "." in path and not _has_null(found[0])
    if not has_index_component(path):
        predicate = Predicate(path, *found)
        return predicate._replace(escapes=True) if escapes else predicate
    # `a.0` may be an element of an array and also the field "0" of an array's documents, so one document may have several values there.
    predicate = Predicate(path, found[0], False, escapes=escapes)
    return predicate if predicate.demands_value else None


def _intervals(node: Any, collation: Collation | None) -> Bounds | None:
    kind = type(node)
    if kind is Comparison:
        return _equality(node.operand, collation) if node.operator == "$eq" else _range(node.operator, node.operand, collation)
    if kind is In:
        return _membership(node, collation)
    if kind is RegexMatch:
        return _prefix(node.pattern, node.options) if collation is None else None
    if kind is ElemMatchValue:
        return _elements(node, collation)
    if kind is Exists:
        return [EVERYTHING], False, False, False
    return _negation(node.child, collation) if kind is Not else None


def _negation(child: Any, collation: Collation | None) -> Bounds | None:
    """Return the complement of the child's intervals, or None if an index cannot serve the negation.

    The complement is not exact in a multikey index, where one key of a document may be in the complement while another key is not.
    """
    if type(child) is Exists:
        return [point(None, collation)], False
    if type(child) not in (Comparison, In):
        return None
    operands = child.operands if type(child) is In else [child.operand]
    if any(type(operand) is list for operand in operands) or (type(child) is In and (child.regexes or not operands)):
        return None
    found = _intervals(child, collation)
    return None if found is None else (complement(found[0]), False, found[1], False)


def mentions_text(node: Any) -> bool:
    """Return whether a filter node compares strings, so that its result depends on the collation."""
    if type(node) is Not:
        return mentions_text(node.child)
    if type(node) is ElemMatchValue:
        return any(map(mentions_text, node.children))
    operands = node.operands if type(node) is In else [node.operand] if type(node) is Comparison else []
    return any(has_text(operand) for operand in operands)


def has_text(value: Any) -> bool:
    """Return whether a value is or contains a string."""
    if type(value) is dict:
        return any(map(has_text, value.values()))
    return type(value) is str or (type(value) is list and any(map(has_text, value)))


def _equality(operand: Any, collation: Collation | None) -> Bounds | None:
    if type(operand) in (Regex, Undefined):
        return None
    if type(operand) is list:
        return _array_points(operand, collation), False
    return [point(operand, collation)], operand is not None


def _array_points(operand: list[Any], collation: Collation | None) -> list[FieldInterval]:
    """Return the two points at which an index may have a key for an array that is equal to the operand.

    One is the key of the array's first element, because an index has keys for the elements of an array. The other is the key of the whole
    array, which exists if the array is nested in another array.
    """
    first = operand[0] if operand else UNDEFINED
    return union_of([point(operand, collation), point(first, collation)])


def _membership(node: Any, collation: Collation | None) -> Bounds | None:
    exact = True
    intervals: list[FieldInterval] = []
    for operand in node.operands:
        found = _equality(operand, collation)
        if found is None:
            return None
        intervals += found[0]
        exact = exact and found[1]
    if node.regexes and collation is not None:
        return None
    for regex in node.regexes:
        intervals += _prefix(regex.pattern, regex.options)[0]
        exact = False
    return union_of(intervals), exact


def _elements(node: Any, collation: Collation | None) -> Bounds | None:
    """Return the intersection of the intervals of an `$elemMatch`'s conditions, or None if no condition has intervals.

    The intersection is never exact, because an index also has keys for values that are not in arrays.
    """
    found: list[FieldInterval] | None = None
    for child in node.children:
        own = _intervals(child, collation) if type(child) in (Comparison, In, RegexMatch) else None
        if own is not None:
            found = own[0] if found is None else intersect(found, own[0])
    return None if found is None else (found, False)


def _range(operator: str, operand: Any, collation: Collation | None) -> Bounds | None:
    if type(operand) not in RANGE_TYPES or is_nan(operand):
        return None
    key, end = key_string(operand, collation), End(operand, collation)
    whole = bracket(operand)
    if operator in ("$gt", "$gte"):
        return [FieldInterval(key, operator == "$gte", whole.high, whole.high_included, end, whole.high_end)], True
    return [FieldInterval(whole.low, whole.low_included, key, operator == "$lte", whole.low_end, end)], True


def is_nan(value: Any) -> bool:
    """Return whether a value is a NaN."""
    return bool(value != value) or (type(value) is Decimal128 and value.to_decimal().is_nan())


def _prefix(pattern: str, options: str) -> Bounds:
    """Return the bounds for a regular expression.

    They consist of the strings with the pattern's literal prefix, and of the regular expression itself, which can be a stored value.
    """
    literal = _literal_prefix(pattern, options)
    itself = point(Regex(pattern, options), None)
    if not literal:
        return [bracket(""), itself], False, False, False
    low = bytes([STRING_RANK]) + literal.encode("utf-8", "surrogateescape")
    high = next_prefix(low)
    assert high is not None, "a string's rank is not 255"
    return [FieldInterval(low, True, high, False, End(literal), End(_following(literal))), itself], False


def _literal_prefix(pattern: str, options: str) -> str:
    """Return the prefix that all strings matching a regular expression must have. It may be empty."""
    if not pattern.startswith("^") or "|" in pattern or set(options) & set("imx"):
        return ""
    literal = ""
    for character in pattern[1:]:
        if character in _REGEX_SPECIAL:
            break
        literal += character
    if pattern[1 + len(literal) :][:1] in ("?", "*", "{"):
        literal = literal[:-1]
    return "" if "\0" in literal else literal


def _following(literal: str) -> str:
    """Return the upper bound that explain shows for strings with a prefix. The prefix's last character is incremented if possible."""
    last = ord(literal[-1]) + 1
    return literal if last > 0x10FFFF or 0xD800 <= last < 0xE000 else literal[:-1] + chr(last)
