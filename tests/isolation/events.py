"""A model of a server's collections that is built only from change stream events."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import bson

Document = dict[str, Any]
Event = dict[str, Any]


class Replica:
    """The collections of one database, by name. Each collection maps the BSON of an `_id` to its document. Views are not included."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[bytes, Document]] = {}

    def apply(self, event: Event) -> None:
        """Apply a change stream event to the model. Raise AssertionError if the event contradicts the model."""
        name, kind = event["ns"].get("coll"), event["operationType"]
        documents = self.collections.setdefault(name, {}) if name else {}
        if kind in ("insert", "replace", "update", "delete"):
            self._change(kind, event, documents)
        elif kind == "drop":
            del self.collections[name]
        elif kind == "rename":
            self.collections[event["to"]["coll"]] = self.collections.pop(name)
        elif kind == "dropDatabase":
            assert not self.collections, f"{event} leaves {list(self.collections)}"
        else:
            assert kind in ("create", "createIndexes", "dropIndexes", "modify"), event

    def _change(self, kind: str, event: Event, documents: dict[bytes, Document]) -> None:
        key = bson.encode({"": event["documentKey"]["_id"]})
        assert (key in documents) == (kind != "insert"), f"{event} contradicts {documents.get(key)}"
        if kind == "delete":
            del documents[key]
        elif kind == "update":
            update(documents[key], event["updateDescription"])
        else:
            documents[key] = deepcopy(event["fullDocument"])


def update(document: Document, description: Document) -> None:
    """Apply an `updateDescription` of a change stream event to a document."""
    exact = description.get("disambiguatedPaths", {})
    for truncated in description["truncatedArrays"]:
        holder, last = find(document, exact.get(truncated["field"], truncated["field"].split(".")))
        del holder[last][truncated["newSize"] :]
    for path in description["removedFields"]:
        holder, last = find(document, exact.get(path, path.split(".")))
        del holder[last]
    for path, value in deepcopy(description["updatedFields"]).items():
        holder, last = find(document, exact.get(path, path.split(".")))
        if isinstance(holder, list) and last >= len(holder):
            # As in MongoDB, nulls fill the gap before an element beyond the end.
            holder += [None] * (last - len(holder)) + [value]
        else:
            holder[last] = value


def find(document: Document, path: list[Any]) -> tuple[Any, Any]:
    """Return the innermost container on a path, and the last part of the path: a field name or an array index."""
    here: Any = document
    for part in path[:-1]:
        here = here[int(part) if isinstance(here, list) else part]
    return here, int(path[-1]) if isinstance(here, list) else path[-1]
