"""The page for the collections of a database: show sizes, create, rename, and drop."""

from __future__ import annotations

from typing import Any, Final

from pymongo.errors import OperationFailure

from secantus_console.page import Answer, Call, Moved, Page, posted, shown
from secantus_console.render import url

#: The maximum number of collections whose sizes are read; each takes one command.
MAX_SIZES: Final = 300


def database(call: Call) -> Answer:
    """Show the collections and views of a database."""
    name = call.database.name
    found = sorted(call.database.list_collections(), key=lambda entry: str(entry["name"]))
    rows = [_row(call, dict(entry), number < MAX_SIZES) for number, entry in enumerate(found)]
    return Page("database.html", name, {"db": name, "collections": rows})


def _row(call: Call, entry: dict[str, Any], with_sizes: bool) -> dict[str, Any]:
    options = entry.get("options", {})
    row: dict[str, Any] = {"name": entry["name"], "type": entry.get("type", "collection"), "options": options}
    if with_sizes and row["type"] == "collection":
        try:
            statistics = call.database.command("collStats", entry["name"])
        except OperationFailure as error:
            return row | {"error": str(error.details.get("errmsg", error) if error.details else error)}
        fields = {
            "documents": "count",
            "bytes": "size",
            "storageBytes": "storageSize",
            "indexes": "nindexes",
            "indexBytes": "totalIndexSize",
        }
        row |= {ours: statistics.get(theirs) for ours, theirs in fields.items()}
    return row


def create(call: Call) -> Answer:
    """Create a collection with options of the create command."""
    name = call.required("collection")
    call.database.command({"create": name, **call.document("options")})
    return Moved(url("/database", db=call.database.name), f"Created {name}.")


def rename(call: Call) -> Answer:
    """Rename a collection."""
    target = call.required("to")
    call.collection.rename(target)
    return Moved(url("/database", db=call.database.name), f"Renamed {call.collection.name} to {target}.")


def drop(call: Call) -> Answer:
    """Drop a collection."""
    collection = call.collection
    call.check_typed(collection.name)
    collection.drop()
    return Moved(url("/database", db=call.database.name), f"Dropped {collection.name}.")


ROUTES: Final = (
    shown("/database", database),
    posted("/collection/create", create),
    posted("/collection/rename", rename),
    posted("/collection/drop", drop),
)
