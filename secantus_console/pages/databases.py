"""The page for the databases: show sizes, create, and drop."""

from __future__ import annotations

from typing import Any, Final

from pymongo.errors import OperationFailure

from secantus_console.page import Answer, Call, Moved, Page, posted, shown
from secantus_console.render import url


def overview(call: Call) -> Answer:
    """Show the properties of the server and its databases."""
    databases = [dict(entry) for entry in call.client.list_databases()]
    return Page("overview.html", "Overview", {"server": server_facts(call), "databases": databases})


def server_facts(call: Call) -> dict[str, Any]:
    """Return the properties of the server for the overview page. Omit properties that the user is not authorized to read."""
    hello = call.client.admin.command("hello")
    build = call.client.admin.command("buildInfo")
    facts: dict[str, Any] = {"address": call.console.server, "version": build["version"]}
    if "secantusVersion" in build:
        facts["secantus"] = build["secantusVersion"]
    facts["replicaSet"] = hello.get("setName", "none")
    try:
        status = call.client.admin.command("serverStatus", metrics=0)
    except OperationFailure:
        return facts
    connections = status.get("connections", {})
    return facts | {
        "uptimeSeconds": status.get("uptime"),
        "pid": status.get("pid"),
        "storageEngine": status.get("storageEngine", {}).get("name"),
        "connections": connections.get("current"),
        "residentBytes": status.get("mem", {}).get("resident", 0) * (1 << 20),
    }


def create(call: Call) -> Answer:
    """Create a database with its first collection."""
    name = call.required("collection")
    call.database.create_collection(name)
    return Moved(url("/database", db=call.required("db")), f"Created {call.required('db')}.{name}.")


def drop(call: Call) -> Answer:
    """Drop a database."""
    name = call.database.name
    call.check_typed(name)
    call.client.drop_database(name)
    return Moved("/", f"Dropped the database {name}.")


ROUTES: Final = (shown("/", overview), posted("/database/create", create), posted("/database/drop", drop))
