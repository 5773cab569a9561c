"""The page for the validator of a collection."""

from __future__ import annotations

from typing import Any, Final

from secantus_console.errors import NotThere
from secantus_console.page import Answer, Call, Moved, Page, posted, shown
from secantus_console.render import url

LEVELS: Final = ("strict", "moderate", "off")
ACTIONS: Final = ("error", "warn", "errorAndLog")


def validator(call: Call) -> Answer:
    """Show the validator and the other options of a collection."""
    collection = call.collection
    found = next(iter(call.database.list_collections(filter={"name": collection.name})), None)
    if found is None:
        raise NotThere("There is no such collection.")
    options: dict[str, Any] = found.get("options", {})
    data = {
        "db": call.database.name,
        "collection": collection.name,
        "type": found.get("type"),
        "validator": options.get("validator", {}),
        "validationLevel": options.get("validationLevel", "strict"),
        "validationAction": options.get("validationAction", "error"),
        "options": {name: value for name, value in options.items() if not name.startswith("valid")},
        "info": found.get("info", {}),
    }
    return Page("validator.html", f"{data['db']}.{collection.name}", data)


def save(call: Call) -> Answer:
    """Replace the validator of a collection. Existing documents are not validated."""
    changes: dict[str, Any] = {
        "validator": call.document("validator"),
        "validationLevel": call.text("level", "strict"),
        "validationAction": call.text("action", "error"),
    }
    call.database.command({"collMod": call.collection.name, **changes})
    return Moved(url("/validator", db=call.database.name, collection=call.collection.name), "Saved the validator.")


ROUTES: Final = (shown("/validator", validator), posted("/validator/save", save))
