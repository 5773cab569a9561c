"""The pages for editing documents. They show the difference before saving, and do not overwrite a document that has changed in the
meantime.
"""

from __future__ import annotations

import difflib
from typing import Any, Final

from pymongo.collection import Collection

from secantus_console import ejson
from secantus_console.errors import InputError, NotThere
from secantus_console.page import Answer, Call, Moved, Page, posted, shown
from secantus_console.render import url


def edit(call: Call) -> Answer:
    """Show a document in the editor."""
    document = _find(call.collection, _id(call))
    return Page("document.html", "Document", _data(call, document, ejson.pretty(document)))


def preview(call: Call) -> Answer:
    """Show the difference between an edited document and its state when editing started."""
    before = ejson.document(call.required("before"), "The document before")
    data = _data(call, before, call.required("text"))
    try:
        after = ejson.document(data["text"], "The document")
        _check_id(after, _id(call))
        data |= {"after": after, "difference": difference(before, after)}
    except InputError as error:
        data["error"] = str(error)
    return Page("document.html", "Document", data)


def save(call: Call) -> Answer:
    """Replace a document with the edited version, unless it has changed in the meantime."""
    before = ejson.document(call.required("before"), "The document before")
    after = ejson.document(call.required("text"), "The document")
    key = _id(call)
    _check_id(after, key)
    unchanged = {"_id": key, "$expr": {"$eq": ["$$ROOT", {"$literal": before}]}}
    result = call.collection.replace_one(unchanged, after)
    if not result.matched_count:
        _find(call.collection, key)
        raise InputError("Nothing was saved: the document has changed meanwhile. Load it again.")
    return Moved(_address(call), "Saved the document.")


def delete(call: Call) -> Answer:
    """Delete a document."""
    key = _id(call)
    call.check_typed("delete")
    if not call.collection.delete_one({"_id": key}).deleted_count:
        raise NotThere("There is no such document.")
    return Moved(url("/documents", db=call.database.name, collection=call.collection.name), f"Deleted the document {ejson.dumps(key)}.")


def insert(call: Call) -> Answer:
    """Insert documents."""
    documents = ejson.documents(call.required("documents"), "The text")
    call.collection.insert_many(documents)
    number = len(documents)
    here = url("/documents", db=call.database.name, collection=call.collection.name)
    return Moved(here, f"Inserted {number:,} document{'' if number == 1 else 's'}.")


def difference(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, str]]:
    """Return the lines of a diff between two documents, each marked as "same", "added", "removed" or "left out"."""
    kinds = {" ": "same", "+": "added", "-": "removed", "@": "left out"}
    lines = list(difflib.unified_diff(ejson.pretty(before).splitlines(), ejson.pretty(after).splitlines(), n=4, lineterm=""))[2:]
    shown_lines = lines[1:] if lines and lines[0].startswith("@@ -1,") else lines
    return [{"kind": kinds[line[0]], "text": line[1:] if line[0] != "@" else "…"} for line in shown_lines]


def _find(collection: Collection[dict[str, Any]], key: Any) -> dict[str, Any]:
    """Return the document with the given `_id`.

    Raises:
        NotThere: the document does not exist.
    """
    document = collection.find_one({"_id": {"$eq": key}})
    if document is None:
        raise NotThere("There is no such document.")
    return document


def _id(call: Call) -> Any:
    return ejson.loads(call.required("id"), "The _id")


def _check_id(document: dict[str, Any], key: Any) -> None:
    """Check that an edited document still has its original `_id`.

    Raises:
        InputError: the `_id` was changed.
    """
    if "_id" not in document or ejson.canonical(document["_id"]) != ejson.canonical(key):
        raise InputError("The _id of a document cannot be changed: insert another document instead.")


def _data(call: Call, document: dict[str, Any], text: str) -> dict[str, Any]:
    here = {"db": call.database.name, "collection": call.collection.name}
    return {**here, "id": call.required("id"), "document": document, "text": text}


def _address(call: Call) -> str:
    return url("/document", db=call.database.name, collection=call.collection.name, id=call.required("id"))


ROUTES: Final = (
    shown("/document", edit),
    posted("/document/preview", preview),
    posted("/document/save", save),
    posted("/document/delete", delete),
    posted("/documents/insert", insert),
)
