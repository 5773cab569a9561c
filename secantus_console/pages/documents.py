"""The page for the documents of a collection: queries, and pagination by sort key."""

from __future__ import annotations

from typing import Any, Final

from bson import decode as decode_bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.errors import OperationFailure, PyMongoError

from secantus_console import ejson
from secantus_console.errors import InputError
from secantus_console.keyset import Order, Position, read_page
from secantus_console.messages import message_of
from secantus_console.ordered import OrderedReader
from secantus_console.page import Answer, Call, Page, shown
from secantus_console.render import url

#: The maximum page size.
MAX_PAGE: Final = 200
MAX_SKIP: Final = 100_000
#: The maximum number of columns of a table.
MAX_COLUMNS: Final = 12
_RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(RawBSONDocument)
_NOT_FOUND: Final = 26
_PARAMETERS: Final = ("filter", "projection", "sort", "limit", "view")


def documents(call: Call) -> Answer:
    """Show one page of a query's results."""
    collection = call.collection
    given = {name: call.text(name) for name in _PARAMETERS}
    data: dict[str, Any] = {"db": call.database.name, "collection": collection.name, **given, "documents": [], "ids": []}
    page = Page("documents.html", f"{data['db']}.{collection.name}", data)
    try:
        data |= _read(call, collection, {"db": data["db"], "collection": data["collection"], **given})
    except (InputError, PyMongoError) as error:
        data["error"], page.status = message_of(error), 400
    data["columns"] = columns_of(data["documents"])
    return page


def _read(call: Call, collection: Collection[dict[str, Any]], here: dict[str, str]) -> dict[str, Any]:
    """Return the documents of the page, the estimated total, and the links to further pages."""
    order, limit, projection = Order(call.document("sort")), call.number("limit", 20, 1, MAX_PAGE), call.document("projection")
    query, raw = call.document("filter"), collection.with_options(_RAW)
    number = number_of(collection, call.time_limit_ms)
    if number is None:
        return _read_view(call, collection, limit, here)

    reader = OrderedReader(raw, query, order, call.time_limit_ms)
    after = call.text("after")
    position = Position.unpacked(ejson.document(after, "The place of the page")) if after else None
    found, following = read_page(order, position, limit, reader.read)
    whole = [decode_bson(document.raw, collection.codec_options) for document in found]
    ids = [document["_id"] for document in whole]
    return {
        "documents": _projected(call, collection, ids, projection) if projection else whole,
        "ids": ids,
        "estimatedCount": number,
        "next": url("/documents", **here, after=ejson.dumps(following.packed())) if following else None,
        "first": url("/documents", **here) if position else None,
    }


def number_of(collection: Collection[dict[str, Any]], time_limit_ms: int) -> int | None:
    """Return the document count in the collection's metadata, or None for a view."""
    try:
        counted = list(collection.aggregate([{"$collStats": {"count": {}}}], maxTimeMS=time_limit_ms))
    except OperationFailure as error:
        if error.code == _NOT_FOUND:
            return 0
        # The namespace is a view, or the user lacks the privilege for the stage.
        return None if is_view(collection) else collection.estimated_document_count(maxTimeMS=time_limit_ms)
    return int(counted[0]["count"]) if counted else 0


def is_view(collection: Collection[dict[str, Any]]) -> bool:
    """Return whether a collection is a view. In a view, documents may lack `_id`, and several may have the same `_id`."""
    found = collection.database.list_collections(filter={"name": collection.name})
    return any(entry.get("type") == "view" for entry in found)


def _read_view(call: Call, collection: Collection[dict[str, Any]], limit: int, here: dict[str, str]) -> dict[str, Any]:
    """Return a page of a view. A view has no unique key from which to continue, so the documents of all previous pages are skipped."""
    skip = call.number("skip", 0, 0, MAX_SKIP)
    sort = call.document("sort")
    found = list(
        collection.find(
            call.document("filter"),
            call.document("projection") or None,
            sort=list(sort.items()) or None,
            skip=skip,
            limit=limit + 1,
            max_time_ms=call.time_limit_ms,
        )
    )
    more = len(found) > limit and skip + limit <= MAX_SKIP
    return {
        "documents": found[:limit],
        "isView": True,
        "next": url("/documents", **here, skip=skip + limit) if more else None,
        "first": url("/documents", **here) if skip else None,
    }


def _projected(call: Call, collection: Collection[dict[str, Any]], ids: list[Any], projection: dict[str, Any]) -> list[dict[str, Any]]:
    """Read the documents of a page a second time, with a projection.

    The first read cannot apply the projection, because it may remove the sort fields.
    """
    hides_id = "_id" in projection and not projection["_id"]
    wanted = {name: value for name, value in projection.items() if not (name == "_id" and hides_id)}
    found = collection.find({"_id": {"$in": ids}}, wanted or None, max_time_ms=call.time_limit_ms)
    by_id = {ejson.canonical(document["_id"]): document for document in found}
    ordered = [by_id[key] for key in map(ejson.canonical, ids) if key in by_id]
    return [{name: value for name, value in document.items() if name != "_id" or not hides_id} for document in ordered]


def columns_of(documents_shown: list[dict[str, Any]]) -> list[str]:
    """Return the column names of a table: the fields of the documents, in order of first appearance."""
    return list(dict.fromkeys(name for document in documents_shown for name in document))[:MAX_COLUMNS]


ROUTES: Final = (shown("/documents", documents),)
