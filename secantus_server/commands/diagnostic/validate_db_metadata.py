"""validateDBMetadata: checks the catalog for indexes that are not part of the Stable API.

https://www.mongodb.com/docs/manual/reference/command/validateDBMetadata/
"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.privileges import Grants
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import MAX_DATABASE_BYTES
from secantus_server.dispatch.privileges import Authorized, on_database
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError

_FLAG = a.Field(a.strict_boolean().check, False, null_is_absent=False)

_PARAMETERS = a.Arguments(
    "validateDBMetadata.apiParameters",
    {"version": a.string(required=True), "strict": _FLAG, "deprecationErrors": _FLAG},
    generic=False,
)


def _may_validate(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may validate the given collection, database, or all databases."""
    db, name = call.body.get("db"), call.body.get("collection")
    return "validate" in grants.on(db if type(db) is str else "", name if type(name) is str else "")


@command(
    "validateDBMetadata",
    {"db": a.string(), "collection": a.string(), "apiParameters": a.document(required=True)},
    in_api_v1=True,
    privileges=on_database(by_arguments=("validate",), check=_may_validate),
)
def validate_db_metadata(request: Request, args: dict[str, Any]) -> Reply:
    """List the indexes that are not part of the Stable API."""
    parameters = _PARAMETERS.parse(args["apiParameters"])
    _check_names(args)
    catalog = request.services.catalog
    errors: list[dict[str, Any]] = []
    if parameters["version"] == "1" and parameters["strict"]:
        names = catalog.databases() if args["db"] is None else [args["db"]]
        collections = [collection for name in names for collection in catalog.collections(name)]
        errors = [error for collection in collections if args["collection"] in (None, collection.name) for error in _errors(collection)]
    return {"apiVersionErrors": errors}


def _check_names(args: dict[str, Any]) -> None:
    db, name = args["db"], args["collection"]
    if db is not None:
        if not db:
            raise CommandError(28539, "The name of the database is empty")
        if any(character in db for character in '/\\ "'):
            raise CommandError(13280, f"Invalid db name: {db}")
        if any(character in db for character in ".\0") or len(db.encode()) > MAX_DATABASE_BYTES:
            raise CommandError(73, f"Invalid db name: {db}")
    if name is not None and (not name or name.startswith(".") or "\0" in name):
        raise CommandError(73, f"Invalid collection name: {name}")


def _errors(collection: Collection) -> list[dict[str, Any]]:
    return [
        {
            "ns": collection.namespace,
            "code": 323,
            "codeName": "APIStrictError",
            "errmsg": f"The index with name {index.name} is not allowed in API version 1.",
        }
        for index in collection.indexes
        if index.sparse or not index.kind.in_api_v1
    ]
