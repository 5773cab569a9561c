"""create. https://www.mongodb.com/docs/manual/reference/command/create/"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.privileges import Grants
from secantus_server.commands.collections.create_options import FIELDS, collection_options
from secantus_server.dispatch.names import check_new_collection_name, collection_name
from secantus_server.dispatch.privileges import Authorized, collection_of, on_collection
from secantus_server.dispatch.registry import InTransaction, Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.reserved_names import BUCKETS
from secantus_server.work.collections import create_collection
from secantus_server.work.pipeline_privileges import may_read_view


def _may_create(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may create the collection or view.

    https://www.mongodb.com/docs/manual/reference/command/create/#access-control
    """
    actions, body = grants.on(call.db, collection_of(call)), call.body
    if body.get("viewOn") is not None:
        return "createCollection" in actions and may_read_view(call, grants, body["viewOn"], body.get("pipeline"))
    if body.get("capped"):
        return "createCollection" in actions and "convertToCapped" in actions
    return "createCollection" in actions or "insert" in actions


@command(
    "create",
    FIELDS,
    in_api_v1=True,
    is_write=True,
    in_transaction=InTransaction.YES,
    privileges=on_collection(by_arguments=("createCollection", "insert", "convertToCapped", "find"), check=_may_create),
)
def create(request: Request, args: dict[str, Any]) -> Reply:
    """Create a collection or view."""
    name = collection_name("create", request.db, request.body[request.name])
    check_new_collection_name(request.db, name)
    if name.startswith(BUCKETS) and args["timeseries"] is None:
        raise CommandError(20, f"Cannot create {request.db}.{name}: names with {BUCKETS} are reserved for time-series collections")
    # The name of a bucket collection stands for its time-series collection, because both are created together.
    name = name.removeprefix(BUCKETS)
    options = collection_options(request, name, args)
    create_collection(request.services, request.db, name, options, work=request.work)
    return {}
