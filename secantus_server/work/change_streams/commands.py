"""Change events for commands that change collections or databases, such as drop, rename, create and createIndexes.

https://www.mongodb.com/docs/manual/reference/change-events/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class CommandEvent(NamedTuple):
    """The event for a change of a collection or database.

    Arguments:
        kind: the operation type.
        db: the database.
        collection: the collection; None for a change of the whole database.
        details: the fields that are specific to this operation type.
        to: the new database and collection of a rename.
        expanded: whether the event is returned only with `showExpandedEvents`.
    """

    kind: str
    db: str
    collection: str | None
    details: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it
    to: tuple[str, str] | None = None
    expanded: bool = True


def command_event(db: str, o: dict[str, Any], o2: dict[str, Any] | None) -> CommandEvent | None:
    """Return the change event for a command's oplog entry, or None if the command has no change event.

    Arguments:
        db: the database of the entry's namespace.
        o: the decoded command.
        o2: the entry's `o2` document, or None.
    """
    name = next(iter(o))
    read = _READERS.get(name)
    return None if read is None else read(db, o, o2 or {})


def _create(db: str, o: dict[str, Any], o2: dict[str, Any]) -> CommandEvent:
    options = _without(o, "create")
    kind = "timeseries" if "timeseries" in options else "view" if "viewOn" in options else "collection"
    return CommandEvent("create", db, o["create"], {"nsType": kind, "operationDescription": options})


def _drop(db: str, o: dict[str, Any], o2: dict[str, Any]) -> CommandEvent:
    return CommandEvent("drop", db, o["drop"], expanded=False)


def _drop_database(db: str, o: dict[str, Any], o2: dict[str, Any]) -> CommandEvent:
    return CommandEvent("dropDatabase", db, None, expanded=False)


def _rename(db: str, o: dict[str, Any], o2: dict[str, Any]) -> CommandEvent:
    source_db, _, source = o["renameCollection"].partition(".")
    target_db, _, target = o["to"].partition(".")
    to = {"db": target_db, "coll": target}
    description = {"to": to, **({"dropTarget": o["dropTarget"]} if o.get("dropTarget") else {})}
    details = {"to": to, "operationDescription": description}
    # Like the creation of a time series, its rename is shown with showExpandedEvents only.
    return CommandEvent("rename", source_db, source, details, (target_db, target), expanded="viewOn" in o2)


def _create_indexes(db: str, o: dict[str, Any], o2: dict[str, Any]) -> CommandEvent:
    return CommandEvent("createIndexes", db, o["createIndexes"], _indexes([_without(o, "createIndexes")]))


def _commit_index_build(db: str, o: dict[str, Any], o2: dict[str, Any]) -> CommandEvent:
    return CommandEvent("createIndexes", db, o["commitIndexBuild"], _indexes(o["indexes"]))


def _drop_indexes(db: str, o: dict[str, Any], o2: dict[str, Any]) -> CommandEvent:
    return CommandEvent("dropIndexes", db, o["dropIndexes"], _indexes([o2 or {"name": o.get("index")}]))


def _modify(db: str, o: dict[str, Any], o2: dict[str, Any]) -> CommandEvent:
    before = {"collectionOptions": o2.get("collectionOptions_old", {} if "indexOptions_old" in o2 else o2)}
    if "indexOptions_old" in o2:
        before["indexOptions"] = o2["indexOptions_old"]
    return CommandEvent("modify", db, o["collMod"], {"operationDescription": _without(o, "collMod"), "stateBeforeChange": before})


def _indexes(specs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"operationDescription": {"indexes": specs}}


def _without(o: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in o.items() if key != name}


_READERS: dict[str, Callable[[str, dict[str, Any], dict[str, Any]], CommandEvent]] = {
    "create": _create,
    "drop": _drop,
    "dropDatabase": _drop_database,
    "renameCollection": _rename,
    "createIndexes": _create_indexes,
    "commitIndexBuild": _commit_index_build,
    "dropIndexes": _drop_indexes,
    "collMod": _modify,
}
