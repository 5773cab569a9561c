"""The comparison of results whose order is undefined, or only partly defined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from pytest_secantus.shadow.equality import Aside, Comparison, Mismatch
from secantus_server.bson.values import MISSING, Date

#: Stages that preserve the order of the documents, and the fields by which they are sorted.
_KEEPING: Final = frozenset(["$limit", "$skip", "$match"])
#: Stages that return one document for each document that they receive, whichever others they receive. They may follow a limit that is
#: removed.
_SINGLY: Final = frozenset(["$limit", "$skip", "$project", "$addFields", "$set", "$unset", "$replaceRoot", "$replaceWith", "$lookup"])
#: Operators that return arrays without a defined order.
_LOOSE: Final = (b"$addToSet\x00", b"$setUnion\x00", b"$setIntersection\x00", b"$setDifference\x00")


class Order(NamedTuple):
    """The extent to which the order of results is defined.

    Arguments:
        keys: the paths of the sort keys; None if the order is undefined, or cannot be verified from the results.
        is_cut: whether a limit or a skip removed documents by their position in that order.
        loose_arrays: whether arrays in the results are also unordered.
    """

    keys: tuple[str, ...] | None = None
    is_cut: bool = False
    loose_arrays: bool = False


UNORDERED: Final = Order()


def order_of(name: str, body: dict[str, Any], command: bytes) -> Order:
    """Return how far the order of a command's results is defined.

    Arguments:
        body: the decoded command.
        command: the command's BSON.
    """
    if name == "find":
        cut = bool(body.get("limit") or body.get("skip"))
        return Order(_keys_of(body, body.get("sort")), cut)
    pipeline = body.get("pipeline")
    if name == "aggregate" and type(pipeline) is list and all(type(stage) is dict for stage in pipeline):
        return _order_of_pipeline(body, pipeline, any(word in command for word in _LOOSE))
    return UNORDERED


def without_cut(name: str, command: dict[str, Any]) -> dict[str, Any] | None:
    """Return a copy of a command without its limit and skip, so that it returns all results; None if no such command exists."""
    if name == "find":
        return {key: value for key, value in command.items() if key not in ("limit", "skip", "singleBatch", "batchSize")}
    pipeline = list(command.get("pipeline", ()))
    names = [next(iter(stage), "") for stage in pipeline]
    first = next((place for place, stage in enumerate(names) if stage in ("$limit", "$skip")), len(names))
    if not _SINGLY.issuperset(names[first:]):
        return None
    whole = [stage for stage, stage_name in zip(pipeline, names, strict=True) if stage_name not in ("$limit", "$skip")]
    return {**command, "pipeline": whole, "cursor": {}}


def _order_of_pipeline(body: dict[str, Any], pipeline: list[dict[str, Any]], loose: bool) -> Order:
    names = [next(iter(stage), "") for stage in pipeline]
    cut = any(name in ("$limit", "$skip") for name in names)
    for name, stage in zip(reversed(names), reversed(pipeline), strict=True):
        if name == "$sort":
            return Order(_keys_of(body, stage[name]), cut, loose)
        if name not in _KEEPING:
            break
    return Order(None, cut, loose)


def _keys_of(body: dict[str, Any], sort: Any) -> tuple[str, ...] | None:
    """Return the paths of a sort's keys, or None if the results do not show their order.

    With a collation, for example, equal sort keys cannot be recognized in the results.
    """
    if type(sort) is not dict or not sort or body.get("collation") or "$natural" in sort:
        return None
    return tuple(sort) if all(type(direction) is not dict for direction in sort.values()) else None


def compare_results(ours: list[Any], theirs: list[Any], order: Order, aside: Aside, path: str) -> Mismatch | None:
    """Return the first difference between the complete results of a command on both servers, or None.

    Arguments:
        order: how far the order of the results is defined.
        path: the path of the array in the reply.
    """
    comparison = Comparison(aside, order.loose_arrays)
    if len(ours) == len(theirs) and all(comparison.mismatch(*pair, "") is None for pair in zip(ours, theirs, strict=True)):
        comparison.accept()
        return None
    comparison = Comparison(aside, order.loose_arrays)
    left_ours, left_theirs = _unmatched(ours, theirs, comparison)
    if len(ours) == len(theirs) and _is_allowed(ours, theirs, left_ours, left_theirs, order, comparison):
        comparison.accept()
        return None
    return _shown(ours, theirs, left_ours, left_theirs, comparison, path)


def missing_result(ours: list[Any], theirs: list[Any], order: Order, aside: Aside, path: str) -> Mismatch | None:
    """Return the first of our results that the shadow's results lack, or None. Only the shadow's results must be complete."""
    comparison = Comparison(aside, order.loose_arrays)
    left, others = _unmatched(ours, theirs, comparison)
    if not left:
        comparison.accept()
        return None
    return _shown(ours, theirs, left, others, comparison, path)


def _unmatched(ours: list[Any], theirs: list[Any], comparison: Comparison) -> tuple[list[int], list[int]]:
    """Return, for each server, the positions of the results without an equal result on the opposite server."""
    waiting: dict[str, list[int]] = {}
    for place, one in enumerate(theirs):
        waiting.setdefault(_masked(one), []).append(place)
    left = []
    for place, one in enumerate(ours):
        others = waiting.get(_masked(one), [])
        found = next((other for other in others if comparison.mismatch(one, theirs[other], "") is None), None)
        if found is None:
            left.append(place)
        else:
            others.remove(found)
    return left, sorted(place for places in waiting.values() for place in places)


def _masked(value: Any) -> str:
    """Return a text that is identical for equal results. It omits ids and times, and ignores the order of arrays."""
    if type(value) is dict:
        return "{" + ",".join(f"{name}:{_masked(one)}" for name, one in value.items()) + "}"
    if type(value) is list:
        return "[" + ",".join(sorted(map(_masked, value))) + "]"
    return type(value).__name__ if type(value) in (ObjectId, Date, Timestamp, float) else f"{type(value).__name__} {value!r}"


def _is_allowed(
    ours: list[Any], theirs: list[Any], left_ours: list[int], left_theirs: list[int], order: Order, comparison: Comparison
) -> bool:
    """Return whether the differences between two result lists of equal length are only differences that their order permits."""
    if order.keys is None:
        return not left_ours

    keys = order.keys

    def same_key(one: Any, other: Any) -> bool:
        return all(comparison.mismatch(_at(one, path), _at(other, path), "") is None for path in keys)

    if not all(map(same_key, ours, theirs)):
        return False
    # A limit or skip may cut off any of the documents with equal keys, at the beginning or at the end.
    edges = (ours[0], ours[-1])
    return not left_ours or (order.is_cut and all(any(same_key(ours[place], edge) for edge in edges) for place in left_ours))


def _at(document: Any, path: str) -> Any:
    """Return the value at a path that leads only through documents."""
    for name in path.split("."):
        document = document.get(name, MISSING) if type(document) is dict else MISSING
    return document


def _shown(ours: list[Any], theirs: list[Any], left_ours: list[int], left_theirs: list[int], comparison: Comparison, path: str) -> Mismatch:
    """Return the difference to report. If a differing result has a counterpart, return the difference between the two documents."""
    if len(ours) != len(theirs) and not (left_ours and left_theirs):
        return Mismatch(f"{path}.length", len(ours), len(theirs))
    if not left_ours:
        place = next(n for n in range(len(ours)) if comparison.mismatch(ours[n], theirs[n], "") is not None)
        return Mismatch(f"{path}[{place}] (the order of the results)", ours[place], theirs[place])
    place = left_ours[0]
    other = _counterpart(ours[place], theirs, left_theirs, place)
    if other is None:
        return Mismatch(f"{path}[{place}]", ours[place], MISSING)
    return comparison.mismatch(ours[place], theirs[other], f"{path}[{place}]") or Mismatch(f"{path}[{place}]", ours[place], theirs[other])


def _counterpart(one: Any, theirs: list[Any], left: list[int], place: int) -> int | None:
    """Return the position of the shadow's result to compare a result with, or None.

    Prefer a result with the same `_id`, then one at the same position, then any unmatched result.
    """
    by_id: Callable[[Any], Any] = lambda document: document.get("_id", MISSING) if type(document) is dict else MISSING  # noqa: E731
    if by_id(one) is not MISSING:
        for other in left:
            if type(by_id(theirs[other])) is type(by_id(one)) and by_id(theirs[other]) == by_id(one):
                return other
    return place if place in left else left[0] if left else None
