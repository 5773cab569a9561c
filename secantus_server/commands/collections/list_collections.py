"""listCollections. https://www.mongodb.com/docs/manual/reference/command/listCollections/"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.privileges import Grants
from secantus_server.bson import encode, int_value
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import Authorized, on_database
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import MatchExpression, parse_match
from secantus_server.reserved_names import VIEWS
from secantus_server.work.catalog_entries import collection_infos, is_shown_as_view
from secantus_server.work.reading import cursor_batch_size, list_reply
from secantus_server.work.system_collections import ID_INDEX, views_uuid


def _may_list(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may run this listCollections. Without privileges, a user may only list the names of collections on which
    the user has privileges.
    """
    if "listCollections" in grants.on(call.db):
        return True
    own_only = bool(call.body.get("nameOnly")) and bool(call.body.get("authorizedCollections"))
    return own_only and grants.is_on_database(call.db)


@command(
    "listCollections",
    {"filter": a.document({}), "nameOnly": a.strict_boolean(), "authorizedCollections": a.strict_boolean(), "cursor": a.document()},
    in_api_v1=True,
    privileges=on_database(by_arguments=("listCollections",), check=_may_list),
)
def list_collections(request: Request, args: dict[str, Any]) -> Reply:
    """List the collections and views of a database."""
    services = request.services
    # Drivers list a single name before they create a collection.
    value = args["filter"].get("name")
    wanted = value if type(value) is str else None
    match = None if wanted is not None and len(args["filter"]) == 1 else _parse_filter(request, args["filter"])
    infos = collection_infos(services, request.db, wanted)
    if request.db == "local" and services.settings.replica_set:
        infos.append(_oplog(request))
    if wanted in (None, VIEWS) and _has_views(request) and not any(info["name"] == VIEWS for info in infos):
        infos.append(_views_collection(request.db))
    if wanted is not None:
        infos = [info for info in infos if info["name"] == wanted]
    access = request.grants
    if access is not None and args["authorizedCollections"]:
        infos = [info for info in infos if access.is_on_collection(request.db, info["name"])]
    if args["nameOnly"]:
        infos = [{"name": info["name"], "type": info["type"]} for info in infos]
    documents = [document for document in map(encode, infos) if match is None or match.matches(document)]
    size = cursor_batch_size(args)
    if size is not None and len(documents) <= size:
        # As in MongoDB, no cursor is left open if the first batch contains all results, even if the batch is full.
        size = len(documents) + 1
    return list_reply(request, f"{request.db}.$cmd.listCollections", documents, size)


def _parse_filter(request: Request, filter: dict[str, Any]) -> MatchExpression:
    services = request.services
    # A source of randomness of its own would have to be seeded, which takes a tenth of the command's time.
    ctx = ParseContext(random=services.clock.random, knows_time=False, defers_constant_errors=True, release=services.release)
    return parse_match(filter, ctx)


def _has_views(request: Request) -> bool:
    services = request.services
    return any(is_shown_as_view(collection, services.release) for collection in services.catalog.collections(request.db))


def _oplog(request: Request) -> dict[str, Any]:
    """Return the listCollections document that describes local.oplog.rs."""
    options = {"capped": True, "size": int_value(request.services.oplog.max_bytes), "autoIndexId": False}
    return {"name": "oplog.rs", "type": "collection", "options": options, "info": {"readOnly": False}}


def _views_collection(db: str) -> dict[str, Any]:
    """Return the listCollections document that describes system.views, where MongoDB stores the view definitions."""
    info = {"readOnly": False, "uuid": views_uuid(db)}
    return {"name": VIEWS, "type": "collection", "options": {}, "info": info, "idIndex": ID_INDEX}
