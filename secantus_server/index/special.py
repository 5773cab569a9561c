"""What the definitions of wildcard and geo indexes, and the filters of partial ones, have to hold to.

https://www.mongodb.com/docs/manual/core/indexes/index-types/
"""

from __future__ import annotations

from typing import Any

from bson.decimal128 import Decimal128
from bson.timestamp import Timestamp

from secantus_server.bson.shell import document_text
from secantus_server.bson.values import is_number
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.match._comparison import Comparison, In
from secantus_server.mql.match._expression import ExprMatch
from secantus_server.mql.match._geo import GeoMatch
from secantus_server.mql.match._nodes import AlwaysTrue, And, Or
from secantus_server.mql.match._predicates import Exists, TypeMatch

_IN_PARTIAL_FILTERS = (AlwaysTrue, And, Comparison, Exists, GeoMatch, In, Or, TypeMatch)
_MAX_2DSPHERE_VERSION = 3


def is_wildcard(path: str) -> bool:
    """Whether a path of a key pattern stands for many."""
    return path == "$**" or path.endswith(".$**")


def check_wildcard(spec: dict[str, Any]) -> None:
    """Hold a wildcard index's definition to the rules.

    Raises:
        CommandError: with MongoDB's code.
    """
    key = spec["key"]
    wildcards = [path for path in key if is_wildcard(path)]
    if len(wildcards) > 1:
        raise CommandError(7246201, f"A compound wildcard index can have one wildcard field only: {document_text(key)}")
    if any(type(value) is str for value in key.values()):
        raise CommandError(67, f"A wildcard index cannot have a special kind: {document_text(key)}")
    for option in ("unique", "sparse", "expireAfterSeconds"):
        if option in spec:
            raise CommandError(67, f"Index type 'wildcard' does not support the '{option}' option")
    projection = spec.get("wildcardProjection")
    if projection is not None:
        _check_projection(projection, wildcards[0])
    if len(key) > 1:
        _check_compound(key, wildcards[0], projection)


def _check_projection(projection: dict[str, Any], wildcard: str) -> None:
    if not projection:
        raise CommandError(9, "The 'wildcardProjection' field can't be an empty object")
    if wildcard != "$**":
        raise CommandError(9, "The field 'wildcardProjection' is only allowed when 'key' is '$**'")
    kinds = {_included(value, path) for path, value in _leaves(projection, "") if path != "_id"}
    paths = [path for path, _ in _leaves(projection, "")]
    if any(other.startswith(f"{path}.") for path in paths for other in paths):
        raise CommandError(31249, "Path collision in the wildcard projection")
    if len(kinds) > 1:
        raise CommandError(31254, "Cannot do inclusion and exclusion in one wildcard projection")


def _leaves(projection: dict[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in projection.items():
        found += _leaves(value, f"{prefix}{name}.") if type(value) is dict else [(prefix + name, value)]
    return found


def _included(value: Any, path: str) -> bool:
    if type(value) is not bool and not is_number(value):
        raise CommandError(51271, f"Bad projection specification, cannot use a computed field in a wildcard projection: {path}")
    return bool(value)


def _check_compound(key: dict[str, Any], wildcard: str, projection: dict[str, Any] | None) -> None:
    """The wildcard must leave out the index's other fields."""
    others = [path for path in key if path != wildcard]
    if wildcard != "$**":
        scope = wildcard[: -len(".$**")]
        if any(path == scope or path.startswith(f"{scope}.") or scope.startswith(f"{path}.") for path in others):
            raise CommandError(7246208, f"A compound wildcard index cannot cover one of its own fields: {document_text(key)}")
        return
    if projection is None:
        raise CommandError(67, "A compound wildcard index on all fields must have a 'wildcardProjection' that leaves out its other fields")
    leaves = dict(_leaves(projection, ""))
    excludes = not any(_included(value, path) for path, value in leaves.items() if path != "_id")
    for path in others:
        if path not in leaves if excludes else path in leaves:
            raise CommandError(7246209, f"wildcardProjection must leave out the index's other fields, such as {path}")


def check_geo(spec: dict[str, Any], kind: str) -> None:
    """Hold a geo index's definition to the rules.

    Raises:
        CommandError: 72 InvalidOptions, 67 CannotCreateIndex.
    """
    if kind == "2d":
        bits = spec.get("bits", 26)
        if not 1 <= _number(bits) <= 32:
            raise CommandError(72, f"bits for 2d index must be > 0 and <= 32, but {bits} was specified")
        for option in ("min", "max"):
            if option in spec:
                spec[option] = float(_number(spec[option]))
    elif not 1 <= _number(spec.setdefault("2dsphereIndexVersion", _MAX_2DSPHERE_VERSION)) <= _MAX_2DSPHERE_VERSION:
        version = spec["2dsphereIndexVersion"]
        raise CommandError(67, f"unsupported geo index version {{ 2dsphereIndexVersion: {version} }}, only support versions: [1,2,3]")


def _number(value: Any) -> Any:
    return value.to_decimal() if type(value) is Decimal128 else value


def check_partial(filter: dict[str, Any]) -> None:
    """Hold a partialFilterExpression to the operators that may stand in one.

    Raises:
        CommandError: 67, 224 for $expr, or it is no filter.
    """
    _check_node(parse_match(filter, ParseContext(cluster_time=Timestamp(0, 0))))


def _check_node(node: Any) -> None:
    if isinstance(node, ExprMatch):
        raise CommandError(224, "$expr is not allowed in a partial index's filter")
    if not isinstance(node, _IN_PARTIAL_FILTERS):
        raise CommandError(67, f"Expression not supported in partial index: {document_text(node.serialize())}")
    for child in getattr(node, "children", ()):
        _check_node(child)
