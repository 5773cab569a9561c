"""The wildcard index, in its single-field and compound forms.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-wildcard/

The comments in `_wildcard.pyx` describe the format of the entries.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from secantus_server.bson import decode
from secantus_server.bson.shell import document_text
from secantus_server.bson.values import is_number
from secantus_server.errors import CommandError
from secantus_server.index.key_pattern import direction, is_wildcard
from secantus_server.index.kinds._wildcard import MARK, WildcardKeys
from secantus_server.index.kinds.kind import Extractor, Guard, IndexKind, register
from secantus_server.mql.collation import parse_collation
from secantus_server.mql.match import Comparison, ElemMatchValue, Exists, In, MatchExpression, Not, RegexMatch, TypeMatch


class Wildcard(IndexKind):
    """The index kind of indexes on all fields, or on all fields below a path."""

    name = "wildcard"
    options = MappingProxyType({"wildcardProjection": "object"})
    exclusive_options = MappingProxyType(
        {"wildcardProjection": (2, "The field 'wildcardProjection' is only allowed in an 'wildcard' index")}
    )
    needs_predicate = True
    has_wildcard = True

    def claims(self, path: str, direction: Any) -> bool:
        """Return whether the path is a wildcard and its value is a direction. (`{"$**": "text"}` defines a text index instead.)"""
        return is_wildcard(path) and type(direction) is not str

    def check_in_time_series(self, *, is_meta: bool) -> None:
        """Reject a wildcard index on a time series.

        Raises:
            CommandError: 7246201.
        """
        raise CommandError(7246201, "Wildcard indexes are not supported on time-series collections")

    def check(self, spec: dict[str, Any]) -> None:
        """Validate the fields and the projection of a definition, and reject options that a wildcard index does not support.

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
        """Return a function that raises an error if a document has an array at a non-wildcard field, or None if the index has no such
        field.
        """
        plain = [path for path in spec["key"] if not is_wildcard(path)]
        return (lambda document: _refuse_arrays(decode(document), plain)) if plain else None

    def extractor(self, spec: dict[str, Any]) -> Extractor:
        """Return the function that computes a document's keys."""
        fields = [(None if is_wildcard(path) else path, direction(value)) for path, value in spec["key"].items()]
        tree, excludes = _tree(spec)
        return WildcardKeys(fields, tree, excludes, parse_collation(spec.get("collation")))

    def is_multikey(self, keys: list[bytes], marks: list[bytes]) -> bool:
        """Return whether the document contains an indexed array.

        The number of keys is no evidence of an array, because every field below the wildcard has its own key.
        """
        return bool(marks)

    def entries_version(self) -> str:
        """Return the format version of the stored keys."""
        return "1"

    def serves(self, spec: dict[str, Any], path: str, node: MatchExpression) -> bool:
        """Return whether the index can serve a predicate.

        It can if the path is a non-wildcard field of the index, or if the wildcard includes the path and its entries suffice for the
        predicate.
        """
        if path in spec["key"]:
            return True
        return has_path(spec, path) and (type(node) not in (Comparison, In, ElemMatchValue) or may_serve(node))


def check_wildcard_fields(key: dict[str, Any]) -> None:
    """Reject a key pattern that has two wildcards or combines a wildcard with another index kind.

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
    """Reject a compound index whose wildcard includes one of the index's other fields."""
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
    """Return whether the wildcard includes a path.

    Arguments:
        spec: the index's definition.
    """
    tree, excludes = _tree(spec)
    if tree is None:
        return True
    below: Any = tree
    for name in path.encode("utf-8", "surrogateescape").split(b"."):
        below = below.get(name)
        if below is True or below is None:
            return excludes is (below is None)
    return excludes


def mark_of(path: str) -> bytes:
    """Return the key ("mark") that records that a path leads to an array or passes through one."""
    return MARK + path.encode("utf-8", "surrogateescape") + b"\0"


def may_serve(node: Any) -> bool:
    """Return whether a wildcard index has all entries that are required to evaluate a predicate on a path below the wildcard.

    Comparisons with a non-empty document, a non-empty array or null cannot be evaluated, because such values and absent fields have no
    entries.
    """
    kind = type(node)
    if kind is Comparison:
        return _has_entries(node.operand)
    if kind is In:
        return all(map(_has_entries, node.operands))
    if kind is ElemMatchValue:
        return all(may_serve(child) for child in node.children if type(child) in (Comparison, In, RegexMatch))
    return kind is RegexMatch or demands_any_value(node)


def demands_any_value(node: Any) -> bool:
    """Return whether a predicate tests only the existence or the type of a value, not the value itself.

    Examples are `$exists: true` and `$ne: null`.
    """
    if type(node) is Not:
        return type(node.child) is Comparison and node.child.operator == "$eq" and node.child.operand is None
    return type(node) in (Exists, TypeMatch)


def _has_entries(operand: Any) -> bool:
    return operand is not None and (type(operand) not in (dict, list) or not operand)


def _tree(spec: dict[str, Any]) -> tuple[dict[bytes, Any] | None, bool]:
    """Return the arguments `tree` and `excludes` with which `WildcardKeys` selects the fields that the wildcard includes."""
    wildcard = next(filter(is_wildcard, spec["key"]))
    if wildcard != "$**":
        return _as_tree([wildcard[: -len(".$**")]]), False
    flat = _flat(spec.get("wildcardProjection") or {})
    given = {path: bool(value) for path, value in flat.items()}
    others = [value for path, value in given.items() if path != "_id"]
    with_id = given.get("_id", False)
    if any(others) or (with_id and not others):
        return _as_tree([path for path, value in given.items() if value]), False
    return _as_tree([path for path, value in {"_id": False, **given}.items() if not value]), True


def _as_tree(paths: list[str]) -> dict[bytes, Any] | None:
    tree: dict[bytes, Any] = {}
    for path in paths:
        *parents, last = path.encode("utf-8", "surrogateescape").split(b".")
        level = tree
        for name in parents:
            level = level.setdefault(name, {})
        level[last] = True
    return tree or None


def _within(path: str, parent: str) -> bool:
    return path == parent or path.startswith(f"{parent}.")


def _flat(projection: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a copy of a projection with dotted paths instead of nested documents."""
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
