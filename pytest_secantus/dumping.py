"""The option ``--secantus-dump``: after a failed test, write the databases to files, and list the changes since the test began.

The directory of a test contains one directory per database, and can be used as a seed. The format is either canonical Extended JSON with
one array per collection, or BSON in mongodump's layout, which mongorestore reads. `difference.ejson` lists the documents that the test
added, changed and removed. `commands.txt` lists the commands that it sent.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

from pytest_secantus import extended_json
from pytest_secantus.errors import ServerDied
from secantus_server.bson import decode
from secantus_server.diagnostics.plurals import counted
from secantus_server.work._shell_text import typed

if TYPE_CHECKING:
    from pytest_secantus.options import DumpFormat
    from secantus_server.dispatch.harness import Difference, DumpedCollection

TITLE: Final = "Secantus: what the test changed"
DIFFERENCE: Final = "difference.ejson"
COMMANDS: Final = "commands.txt"
#: The maximum number of documents of each kind per collection, of collections, and of characters in a line that the terminal shows.
SHOWN_DOCUMENTS: Final = 3
SHOWN_COLLECTIONS: Final = 10
SHOWN_WIDTH: Final = 120
#: The maximum length of the name of a test's directory.
NAME_LENGTH: Final = 120


class DumpableServer(Protocol):
    """A server whose contents can be read."""

    def dump(self) -> list[DumpedCollection]:
        """Return the collections and views."""

    def differences(self, snapshot: Any) -> list[Difference]:
        """Return the collections and views that differ from a snapshot."""


def keep(server: DumpableServer, snapshot: Any, directory: Path, form: DumpFormat, test: str, commands: list[str]) -> str:
    """Write the databases of a failed test. Return a text for the terminal.

    Arguments:
        snapshot: the snapshot from the beginning of the test; None if the tests are not isolated by restore.
        directory: the directory that contains the directories of all tests.
        test: the test's node id.
        commands: the commands of the test in mongosh syntax.
    """
    place = directory / directory_name(test)
    try:
        differences = [] if snapshot is None else server.differences(snapshot)
        write(server.dump(), differences, place, form)
        (place / COMMANDS).write_text("".join(f"{line}\n" for line in commands), encoding="utf-8")
    except (OSError, ServerDied) as error:
        return f"The databases could not be written to {place}: {error}"
    lines = summary(differences) if snapshot is not None else ["(The difference needs secantus_isolation = restore.)"]
    return "\n".join([*lines, f"The databases are in {place}"])


def directory_name(test: str) -> str:
    """Return the name of a test's directory: its node id without characters that are special in shells or file systems.

    If the test is one of a parametrized table, and its parameters lose characters or the name is too long, the name ends with a hash of the
    node id, because otherwise it could equal that of another test.
    """
    name = re.sub(r"[^\w.-]+", "-", test).strip("-")
    parameters = test.partition("[")[2].removesuffix("]")
    if len(name) <= NAME_LENGTH and re.fullmatch(r"[\w.-]*(?<!-)", parameters):
        return name
    return f"{name[: NAME_LENGTH - 9]}-{hashlib.sha256(test.encode()).hexdigest()[:8]}"


def write(collections: list[DumpedCollection], differences: list[Difference], place: Path, form: DumpFormat) -> None:
    """Write the directory of a test, replacing the directory from an earlier run.

    Raises:
        OSError: the directory cannot be written.
    """
    if (place / DIFFERENCE).exists():
        shutil.rmtree(place)
    place.mkdir(parents=True, exist_ok=True)
    for one in collections:
        database = place / one.db.replace("%", "%25")
        database.mkdir(exist_ok=True)
        stem = quote(one.name, safe="")
        (database / f"{stem}.metadata.json").write_text(json.dumps(metadata(one)), encoding="utf-8")
        if one.buckets is not None and form == "bson":
            # mongodump writes the buckets of a time series under this name, and mongorestore reads them.
            (database / f"system.buckets.{stem}.bson").write_bytes(b"".join(one.buckets))
        elif not one.is_view and form == "bson":
            (database / f"{stem}.bson").write_bytes(b"".join(one.documents))
        elif not one.is_view:
            lines = ",\n".join(map(extended_json.dumps, one.documents))
            (database / f"{stem}.json").write_text(f"[\n{lines}\n]\n" if lines else "[]\n", encoding="utf-8")
    (place / DIFFERENCE).write_text(json.dumps({f"{one.db}.{one.name}": as_json(one) for one in differences}, indent=1), encoding="utf-8")


def metadata(one: DumpedCollection) -> dict[str, Any]:
    """Return the contents of a collection's metadata file in mongodump's format."""
    return {
        "indexes": [extended_json.canonical(index) for index in one.indexes],
        "uuid": one.uuid,
        "collectionName": one.name,
        "type": "view" if one.is_view else "collection" if one.buckets is None else "timeseries",
        "options": extended_json.canonical(one.options),
    }


def as_json(one: Difference) -> dict[str, Any]:
    """Return a difference as canonical Extended JSON."""
    return {
        "collection": one.fate or "kept",
        "added": [parsed(document) for document in one.added],
        "changed": [{"before": parsed(old), "after": parsed(new)} for old, new in one.changed],
        "removed": [parsed(document) for document in one.removed],
    }


def parsed(document: bytes) -> Any:
    """Convert a BSON document to a canonical Extended JSON object."""
    return extended_json.canonical(decode(document))


def summary(differences: list[Difference]) -> Iterator[str]:
    """Yield the lines about the differences for the terminal, with a few documents of each collection."""
    if not differences:
        yield "Nothing."
    for one in differences[:SHOWN_COLLECTIONS]:
        changes = (("added", one.added), ("changed", one.changed), ("removed", one.removed))
        what = [f"the collection was {one.fate}"] if one.fate else []
        what += [f"{len(found)} {word}" for word, found in changes if found]
        yield f"{one.db}.{one.name}: {', '.join(what)}"
        yield from few("+", [typed(decode(document)) for document in one.added[: SHOWN_DOCUMENTS + 1]], len(one.added))
        yield from few("~", [change_text(*change) for change in one.changed[: SHOWN_DOCUMENTS + 1]], len(one.changed))
        yield from few("-", [typed(decode(document)) for document in one.removed[: SHOWN_DOCUMENTS + 1]], len(one.removed))
    if len(differences) > SHOWN_COLLECTIONS:
        yield f"and {counted(len(differences) - SHOWN_COLLECTIONS, 'more collection')}"


def few(sign: str, texts: list[str], count: int) -> Iterator[str]:
    """Yield one line for each of the first few documents, and a line with the number of omitted documents."""
    for text in texts[:SHOWN_DOCUMENTS]:
        yield f"  {sign} {text if len(text) <= SHOWN_WIDTH else f'{text[:SHOWN_WIDTH]}...'}"
    if count > SHOWN_DOCUMENTS:
        yield f"  {sign} and {count - SHOWN_DOCUMENTS} more"


def change_text(old: bytes, new: bytes) -> str:
    """Return one line that shows the changed fields of a document."""
    before, after = decode(old), decode(new)
    texts = {name: [typed(one[name]) if name in one else "(none)" for one in (before, after)] for name in {**before, **after}}
    changes = [f"{name}: {old_text} -> {new_text}" for name, (old_text, new_text) in texts.items() if is_changed(before, after, name)]
    return f"{{ _id: {typed(after['_id'])} }} {', '.join(changes) or 'the order of its fields'}"


def is_changed(before: dict[str, Any], after: dict[str, Any], name: str) -> bool:
    """Return whether a field's value or type has changed."""
    if name not in before or name not in after:
        return True
    return bool(extended_json.canonical(before[name]) != extended_json.canonical(after[name]))
