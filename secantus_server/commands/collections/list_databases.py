"""listDatabases. https://www.mongodb.com/docs/manual/reference/command/listDatabases/"""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.auth.privileges import Grants
from secantus_server.bson import encode
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import Authorized, on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import ReadTransaction
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.match.restricted import check_operators
from secantus_server.work.collection_statistics import document_bytes

# The databases that every replica set member has.
OWN_DATABASES = ("admin", "config", "local")


def _may_list(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may run this listDatabases. Listing only the databases that are visible to the user requires no privilege.

    Raises:
        CommandError: 13 Unauthorized.
    """
    if call.body.get("authorizedDatabases") is False and "listDatabases" not in grants.on_cluster():
        raise CommandError(13, "Insufficient permissions to list all databases")
    return True


@command(
    "listDatabases",
    {"filter": a.document({}), "nameOnly": a.boolean(), "authorizedDatabases": a.strict_boolean(None)},
    admin_only=True,
    in_api_v1=True,
    privileges=on_cluster(by_arguments=("listDatabases",), check=_may_list),
)
def list_databases(request: Request, args: dict[str, Any]) -> Reply:
    """List the databases."""
    check_operators(args["filter"], "this context")
    services = request.services
    ctx = ParseContext(random=services.clock.random, knows_time=False, defers_constant_errors=True, release=services.release)
    match = parse_match(args["filter"], ctx)
    names = _names(request, authorized_only=args["authorizedDatabases"])
    if args["nameOnly"]:
        return {"databases": [info for info in ({"name": name} for name in names) if match.matches(encode(info))]}
    with request.work.reading() as transaction:
        infos = [_info(request, name, transaction) for name in names]
    found = [info for info in infos if match.matches(encode(info))]
    total = sum(int(info["sizeOnDisk"]) for info in found)
    return {"databases": found, "totalSize": Int64(total), "totalSizeMb": Int64(total // 1048576)}


def _names(request: Request, *, authorized_only: bool | None) -> list[str]:
    """Return the names of the databases that the user may see."""
    names = sorted({*request.services.catalog.databases(), *OWN_DATABASES})
    grants = request.grants
    if grants is None or (not authorized_only and "listDatabases" in grants.on_cluster()):
        return names
    return [name for name in names if grants.is_on_database(name)]


def _info(request: Request, name: str, transaction: ReadTransaction) -> dict[str, Any]:
    collections = [collection for collection in transaction.catalog.collections(name) if not collection.is_view]
    scope = ReadScope(transaction.unit, request.operation.check)
    size = sum(document_bytes(collection, scope)[1] for collection in collections)
    return {"name": name, "sizeOnDisk": Int64(size), "empty": not collections}
