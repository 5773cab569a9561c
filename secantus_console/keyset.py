"""Keyset pagination of a sorted query: each page starts after the sort key of the previous page's last document.

A condition on a field selects too many documents if the field is an array, because any element may satisfy it. Therefore each condition
selects a superset, and documents whose own sort key is not after the last sort key are skipped.

A condition compares only values of one type. Therefore a page continues with the types that follow in MongoDB's order:
https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cmp_to_key, partial
from typing import Any, Final

from bson import Binary, DatetimeMS, MaxKey, MinKey, ObjectId, Timestamp
from bson import decode as decode_bson
from bson import encode as encode_bson
from bson.raw_bson import RawBSONDocument

from secantus_console.errors import InputError
from secantus_server.bson import compare_values, decode, encode, type_name
from secantus_server.bson.values import UNDEFINED
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.sort import SortPattern

Filter = dict[str, Any]

_NAN: Final = float("nan")
# The types in MongoDB's order, each with conditions that select all values of the type.
_TYPES: Final[dict[str, tuple[Any, ...]]] = {
    "minKey": ({"$eq": MinKey()},),
    "undefined": ({"$eq": []}, {"$type": 6}),
    "null": ({"$eq": None},),
    "number": ({"$eq": _NAN}, {"$gte": float("-inf")}),
    "string": ({"$gte": ""},),
    "object": ({"$gte": {}},),
    "array": ({"$elemMatch": {"$type": "array"}},),
    "binData": ({"$gte": Binary(b"", 0)},),
    "objectId": ({"$gte": ObjectId(b"\0" * 12)},),
    "bool": ({"$gte": False},),
    "date": ({"$gte": DatetimeMS(-(2**63))},),
    "timestamp": ({"$gte": Timestamp(0, 0)},),
    "other": ({"$type": ["regex", "dbPointer", "javascript", "javascriptWithScope"]},),
    "maxKey": ({"$eq": MaxKey()},),
}
_ORDER: Final = tuple(_TYPES)
_GROUPS: Final = {"int": "number", "long": "number", "double": "number", "decimal": "number", "symbol": "string"}
# An _id cannot have one of these types.
_NO_IDS: Final = frozenset(["undefined", "array"])


@dataclass(frozen=True)
class Position:
    """The sort key of the last document on a page.

    Arguments:
        key: the sort key as bytes, by which documents are ordered.
        values: the values of the first two sort fields, each as `{"v": value}`, or `{}` for an empty array, whose sort key is undefined.
    """

    key: bytes
    values: tuple[Filter, ...]

    def packed(self) -> dict[str, Any]:
        """Convert the position to a document, for a permalink."""
        return {"key": self.key.hex(), "values": list(self.values)}

    @staticmethod
    def unpacked(document: Filter) -> Position:
        """Convert a document from a permalink to a position.

        Raises:
            InputError: the document does not have the form that `packed` returns.
        """
        try:
            values = tuple({"v": value["v"]} if value else {} for value in document["values"])
            if not values:
                raise ValueError("a place has a value")
            return Position(bytes.fromhex(document["key"]), values)
        except (KeyError, TypeError, ValueError):
            raise InputError("The place of the page is invalid: begin with the first page.") from None


class Order:
    """The total order of a query's results: the query's sort, with `_id` as the tiebreaker.

    Arguments:
        sort: the sort document.

    Raises:
        InputError: the sort is invalid, or does not allow pagination.
    """

    def __init__(self, sort: Filter) -> None:
        if any(type(direction) not in (int, float) and not isinstance(direction, int) for direction in sort.values()):
            raise InputError("Pages need a sort by 1 or -1.")
        self.sort: Filter = sort if "_id" in sort else {**sort, "_id": 1}
        try:
            self._pattern = SortPattern.parse(decode(encode_bson({"sort": self.sort}))["sort"], ParseContext())
        except CommandError as error:
            raise InputError(f"The sort is invalid: {error.message}.") from None
        self._parts = list(self.sort.items())
        #: The sort without a final `_id`; empty for a sort by `_id` alone.
        self.prefix: Filter = dict(self._parts[:-1]) if self._parts[-1][0] == "_id" else dict(self._parts)
        prefix = {path: int(way) for path, way in self.prefix.items()}
        self._prefix_pattern = SortPattern.parse(prefix, ParseContext()) if prefix else self._pattern

    def position(self, document: RawBSONDocument) -> Position:
        """Return the position of a document in this order."""
        raw = bytes(document.raw)
        value = decode(raw)
        return Position(self._pattern.key(raw), tuple(_foremost(value, path, way < 0) for path, way in self._parts[:2]))

    def sorted(self, documents: list[RawBSONDocument]) -> list[RawBSONDocument]:
        """Return the documents sorted in this order."""
        return sorted(documents, key=lambda document: self._pattern.key(bytes(document.raw)))

    def prefix_key(self, document: RawBSONDocument) -> bytes:
        """Return the sort key of a document, without the part for `_id`."""
        return self._prefix_pattern.key(bytes(document.raw))

    def tie_filter(self, document: RawBSONDocument) -> Filter:
        """Return a filter that selects all documents whose sort key, except for `_id`, equals that of the given document. It may select
        more.
        """
        (path, _way), *_others = self._parts
        return _equal(path, self.position(document).values[0])

    def is_after(self, document: RawBSONDocument, position: Position) -> bool:
        """Return whether a document comes after a position."""
        return self._pattern.key(bytes(document.raw)) > position.key

    def filters(self, position: Position) -> list[Filter]:
        """Return filters that together select all documents after a position. Run them in sequence; they may also select some earlier
        documents.
        """
        (path, way), *others = self._parts
        value = position.values[0]
        if path == "_id":
            return list(_beyond(path, value, way, strict=True))
        further = list(_beyond(path, value, way, strict=True))
        ties: list[Filter] = [_equal(path, value)]
        if others and len(position.values) > 1:
            strict = len(self._parts) == 2
            rest = list(_beyond(others[0][0], position.values[1], others[0][1], strict=strict))
            ties = [{"$and": [_equal(path, value), {"$or": rest}]}] if rest else []
        return [{"$or": [*ties, *further]}] if ties or further else []


def read_page(
    order: Order, position: Position | None, size: int, find: Callable[[Filter | None, int], list[RawBSONDocument]]
) -> tuple[list[RawBSONDocument], Position | None]:
    """Return the documents of a page, and the position after which the next page starts. The position is None for the last page.

    Arguments:
        position: the position after which the page starts; None for the first page.
        size: the number of documents on the page.
        find: runs the query in the given order, with an additional filter and a limit.
    """
    if position is None:
        found = find(None, size + 1)
        return found[:size], order.position(found[size - 1]) if len(found) > size else None
    page: list[RawBSONDocument] = []
    for condition in order.filters(position):
        last = order.position(page[-1]) if page else position
        page += _read(order, last, size + 1 - len(page), partial(find, condition))
        if len(page) > size:
            return page[:size], order.position(page[size - 1])
    return page, None


def _read(order: Order, position: Position, size: int, find: Callable[[int], list[RawBSONDocument]]) -> list[RawBSONDocument]:
    """Return up to `size` documents after a position. If documents must be skipped, read more to replace them."""
    limit = size
    while True:
        found = find(limit)
        after = [document for document in found if order.is_after(document, position)]
        if len(after) >= size or len(found) < limit:
            return after[:size]
        limit *= 8


def _beyond(path: str, wrapped: Filter, way: int, *, strict: bool) -> Iterator[Filter]:
    """Yield conditions that select the values that sort after a given value in direction `way`: first values of the same type as the
    given
    one, then values of the types that follow.
    """
    kind, value = _kind(wrapped), wrapped.get("v")
    is_nan = kind == "number" and value != value
    if kind in ("number", "string", "object", "binData", "objectId", "bool", "date", "timestamp") and not is_nan:
        yield {path: {("$gt" if way > 0 else "$lt") + ("" if strict else "e"): value}}
        if kind == "number" and way < 0:
            yield {path: {"$eq": _NAN}}
    elif is_nan and way > 0:
        yield {path: {"$gte": float("-inf")}}
    elif kind in ("array", "other"):
        yield from _whole(path, kind)
    if not strict and (is_nan or kind in ("minKey", "undefined", "null", "maxKey")):
        yield _equal(path, wrapped)
    place = _ORDER.index(kind)
    following = _ORDER[place + 1 :] if way > 0 else _ORDER[:place][::-1]
    for other in following:
        if path != "_id" or other not in _NO_IDS:
            yield from _whole(path, other)[::way]


def _equal(path: str, wrapped: Filter) -> Filter:
    """Return a condition that selects values equal to the given one."""
    kind = _kind(wrapped)
    if kind in ("undefined", "null", "array", "other"):
        return {"$or": _whole(path, kind)}
    return {path: {"$eq": wrapped["v"]}}


def _whole(path: str, kind: str) -> list[Filter]:
    """Return conditions that select all values of a type."""
    conditions = [{path: condition} for condition in _TYPES[kind]]
    if kind == "null" and "." in path:
        # Elements of an array that lack the field have the key null, but `{path: null}` does not match all of them.
        parts = path.split(".")
        parents = [".".join(parts[:length]) for length in range(1, len(parts))]
        conditions += [{path: {"$exists": False}}, *({f"{parent}.0": {"$exists": True}} for parent in parents)]
    return conditions


def _kind(wrapped: Filter) -> str:
    """Return the type of a value, as a name in `_TYPES`."""
    if not wrapped:
        return "undefined"
    name = type_name(decode(encode_bson(wrapped))["v"])
    return name if name in _TYPES else _GROUPS.get(name, "other")


def _foremost(document: Filter, path: str, last: bool) -> Filter:
    """Return the value at a path that determines a document's sort position. For an array, it is the smallest or greatest element."""
    found = sorted(_leaves(document, path.split(".")), key=cmp_to_key(compare_values))
    value = found[-1 if last else 0]
    return {} if value is UNDEFINED else decode_bson(encode({"v": value}))


def _leaves(value: Any, path: list[str]) -> list[Any]:
    """Return the values at a path. Replace an array with its elements, and return None where the path is missing."""
    if not path:
        if type(value) is not list:
            return [value]
        return value or [UNDEFINED]
    if type(value) is dict:
        return _leaves(value[path[0]], path[1:]) if path[0] in value else [None]
    if type(value) is list:
        if path[0].isdigit() and int(path[0]) < len(value):
            return _leaves(value[int(path[0])], path[1:])
        return [leaf for entry in value for leaf in (_leaves(entry, path) if type(entry) is dict else [None])] or [None]
    return [None]
