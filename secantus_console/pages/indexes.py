"""The page for a collection's indexes, which shows their usage and can create, hide and drop indexes."""

from __future__ import annotations

from typing import Any, Final

from pymongo.errors import OperationFailure

from secantus_console.errors import InputError
from secantus_console.page import Answer, Call, Moved, Page, posted, shown
from secantus_console.render import url


def indexes(call: Call) -> Answer:
    """Show the indexes of a collection."""
    collection = call.collection
    found = list(call.database.command("listIndexes", collection.name)["cursor"]["firstBatch"])
    usage: dict[str, Any] = {}
    sizes: dict[str, Any] = {}
    data: dict[str, Any] = {"db": call.database.name, "collection": collection.name}
    try:
        usage = {entry["name"]: entry["accesses"] for entry in collection.aggregate([{"$indexStats": {}}])}
        sizes = call.database.command("collStats", collection.name).get("indexSizes", {})
    except OperationFailure as error:
        data["note"] = f"The usage is not known: {error.details.get('errmsg', '') if error.details else error}"
    data["indexes"] = [_row(index, found, usage, sizes) for index in found]
    return Page("indexes.html", f"{data['db']}.{collection.name}", data)


def _row(index: dict[str, Any], others: list[dict[str, Any]], usage: dict[str, Any], sizes: dict[str, Any]) -> dict[str, Any]:
    name = index["name"]
    accesses = usage.get(name, {})
    options = {key: value for key, value in index.items() if key not in ("v", "key", "name", "ns")}
    row = {
        "name": name,
        "key": index["key"],
        "options": options,
        "bytes": sizes.get(name),
        "uses": accesses.get("ops"),
        "since": accesses.get("since"),
    }
    notes = []
    if accesses and not accesses["ops"] and name != "_id_":
        notes.append("not used since then")
    wider = next((other["name"] for other in others if _is_covered(index, other)), None)
    if wider is not None:
        notes.append(f"redundant: {wider} begins with the same fields")
    return row | {"notes": notes}


def _is_covered(index: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether the index `other` makes `index` redundant, because its key starts with all fields of `index`."""
    plain = {"v", "key", "name", "ns"}
    if index["name"] == "_id_" or set(index) - plain or set(other) - plain:
        return False
    mine, theirs = list(index["key"].items()), list(other["key"].items())
    return len(mine) < len(theirs) and theirs[: len(mine)] == mine


def create(call: Call) -> Answer:
    """Create an index."""
    key = call.document("key")
    if not key:
        raise InputError('The key is missing; an example is {"price": 1}.')
    options = call.document("options")
    options.setdefault("name", "_".join(f"{path}_{kind}" for path, kind in key.items()))
    call.database.command("createIndexes", call.collection.name, indexes=[{"key": key, **options}])
    return Moved(_here(call), f"Created the index {options['name']}.")


def drop(call: Call) -> Answer:
    """Drop an index."""
    name = call.required("name")
    call.check_typed(name)
    call.collection.drop_index(name)
    return Moved(_here(call), f"Dropped the index {name}.")


def hide(call: Call) -> Answer:
    """Hide an index from the query planner, or unhide it."""
    name, hidden = call.required("name"), call.text("hidden") == "true"
    call.database.command("collMod", call.collection.name, index={"name": name, "hidden": hidden})
    return Moved(_here(call), f"{'Hid' if hidden else 'Unhid'} the index {name}.")


def _here(call: Call) -> str:
    return url("/indexes", db=call.database.name, collection=call.collection.name)


ROUTES: Final = (
    shown("/indexes", indexes),
    posted("/index/create", create),
    posted("/index/drop", drop),
    posted("/index/hide", hide),
)
