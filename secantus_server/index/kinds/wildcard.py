"""The wildcard index, simple or compound.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-wildcard/

It stores no entries yet.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from secantus_server.bson import decode
from secantus_server.bson.shell import document_text
from secantus_server.bson.values import is_number
from secantus_server.errors import CommandError
from secantus_server.index.key_pattern import is_wildcard
from secantus_server.index.kinds.kind import Guard, IndexKind, register
from secantus_server.mql.match import MatchExpression


class Wildcard(IndexKind):
    """An index on all fields, or on all below a path."""

    name = "wildcard"
    options = MappingProxyType({"wildcardProjection": "object"})
    exclusive_options = MappingProxyType(
        {"wildcardProjection": (2, "The field 'wildcardProjection' is only allowed in an 'wildcard' index")}
    )
    needs_predicate = True

    def claims(self, path: str, direction: Any) -> bool:
        """Return whether the path is a wildcard with a direction; `{"$**": "text"}` is a text index."""
        return is_wildcard(path) and type(direction) is not str

    def check(self, spec: dict[str, Any]) -> None:
        """Check the fields, the options that the kind does not have, and the projection.

        Raises:
            CommandError: with MongoDB's code.
        """
        key = spec["key"]
        check_wildcard_fields(key)
        for option in ("unique", "sparse", "expireAfterSeconds"):
            if option in spec:
                raise CommandError(67, f"Index type 'wildcard' does not support the '{option}' option")
        if spec.get("v") == 1:
            raise CommandError(67, "A wildcard index needs version 2 of the index format")
        wildcard = next(filter(is_wildcard, key))
        projection = spec.get("wildcardProjection")
        if projection is not None:
            _check_projection(projection, wildcard)
        if len(key) > 1:
            _check_compound(key, wildcard, projection)

    def guard(self, spec: dict[str, Any]) -> Guard | None:
        """Return a function that refuses arrays at a compound index's other fields, or None if it has none."""
        plain = [path for path in spec["key"] if not is_wildcard(path)]
        return (lambda document: _refuse_arrays(decode(document), plain)) if plain else None

    def serves(self, spec: dict[str, Any], path: str, node: MatchExpression) -> bool:
        """Return whether the index would contain the values at the predicate's path."""
        return has_path(spec, path)


def check_wildcard_fields(key: dict[str, Any]) -> None:
    """Refuse a second wildcard, and a wildcard in an index of another kind.

    Raises:
        CommandError: 7246201, 67 CannotCreateIndex.
    """
    wildcards = sum(map(is_wildcard, key))
    if wildcards > 1:
        raise CommandError(7246201, f"A compound wildcard index can have one wildcard field only: {document_text(key)}")
    if wildcards and any(type(value) is str for value in key.values()):
        raise CommandError(67, f"A wildcard index cannot have a special kind: {document_text(key)}")


def _check_projection(projection: dict[str, Any], wildcard: str) -> None:
    if not projection:
        raise CommandError(9, "The 'wildcardProjection' field can't be an empty object")
    if wildcard != "$**":
        raise CommandError(9, "The field 'wildcardProjection' is only allowed when 'key' is '$**'")
    flat = _flat(projection)
    kinds = {_included(value, path) for path, value in flat.items() if path != "_id"}
    if any(other.startswith(f"{path}.") for path in flat for other in flat):
        raise CommandError(31249, "Path collision in the wildcard projection")
    if len(kinds) > 1:
        raise CommandError(31254, "Cannot do inclusion and exclusion in one wildcard projection")


def _included(value: Any, path: str) -> bool:
    if type(value) is not bool and not is_number(value):
        raise CommandError(51271, f"Bad projection specification, cannot use a computed field in a wildcard projection: {path}")
    return bool(value)


def _check_compound(key: dict[str, Any], wildcard: str, projection: dict[str, Any] | None) -> None:
    """Check that the wildcard excludes the index's other fields."""
    others = [path for path in key if path != wildcard]
    if wildcard != "$**":
        scope = wildcard[: -len(".$**")]
        if any(_within(path, scope) or _within(scope, path) for path in others):
            raise CommandError(7246208, f"A compound wildcard index cannot cover one of its own fields: {document_text(key)}")
        return
    if projection is None:
        raise CommandError(67, "A compound wildcard index on all fields must have a 'wildcardProjection' that leaves out its other fields")
    flat = _flat(projection)
    excludes = not any(_included(value, path) for path, value in flat.items() if path != "_id")
    for path in others:
        if path not in flat if excludes else path in flat:
            raise CommandError(7246209, f"wildcardProjection must leave out the index's other fields, such as {path}")


def has_path(spec: dict[str, Any], path: str) -> bool:
    """Return whether the index would contain the values at a path.

    Arguments:
        spec: the index's definition.
    """
    key = spec["key"]
    if path in key or any(_within(path, name[: -len(".$**")]) for name in key if name.endswith(".$**")):
        return True
    if "$**" not in key:
        return False
    projection = _flat(spec.get("wildcardProjection") or {})
    named = {name: bool(value) for name, value in projection.items() if name != "_id"}
    if _within(path, "_id"):
        return bool(projection.get("_id", False))
    inside = any(_within(path, name) for name in named)
    return inside if any(named.values()) else not inside


def _within(path: str, parent: str) -> bool:
    return path == parent or path.startswith(f"{parent}.")


def _flat(projection: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a projection with dotted paths in place of nested documents."""
    found: dict[str, Any] = {}
    for name, value in projection.items():
        found.update(_flat(value, f"{prefix}{name}.") if type(value) is dict else {f"{prefix}{name}": value})
    return found


def _refuse_arrays(document: dict[str, Any], paths: list[str]) -> None:
    for path in paths:
        if _meets_array(document, path.split(".")):
            raise CommandError(7246301, f"A compound wildcard index cannot hold an array at its field '{path}'")


def _meets_array(value: Any, path: list[str]) -> bool:
    for name in path:
        if type(value) is not dict:
            return False
        value = value.get(name)
        if type(value) is list:
            return True
    return False


register(Wildcard())
