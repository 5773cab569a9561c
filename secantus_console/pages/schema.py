"""The page for the schema of a collection, inferred from a sample.

It shows the paths, their types, how often they are missing, and their most frequent values.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from bson import encode as encode_bson
from pymongo.errors import PyMongoError

from secantus_console.errors import InputError
from secantus_console.messages import message_of
from secantus_console.page import Answer, Call, Page, shown
from secantus_server.bson import decode, type_name
from secantus_server.work._shell_text import typed

MAX_SAMPLE: Final = 10_000
MAX_PATHS: Final = 300
_TOP: Final = 5
_MAX_VALUE: Final = 60


@dataclass
class Path:
    """The statistics of one path in the sample.

    Arguments:
        present: the number of documents that contain the path.
        types: the number of occurrences of each type.
        values: the number of occurrences of each value, by its text.
    """

    present: int = 0
    types: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)


def schema(call: Call) -> Answer:
    """Show the schema of a sample of a collection."""
    collection = call.collection
    data: dict[str, Any] = {"db": call.database.name, "collection": collection.name, "sample": call.text("sample", "1000")}
    page = Page("schema.html", f"{data['db']}.{collection.name}", data)
    try:
        size = call.number("sample", 1000, 1, MAX_SAMPLE)
        stages = [{"$match": call.document("filter")}] if call.text("filter") else []
        sample = list(collection.aggregate([*stages, {"$sample": {"size": size}}], maxTimeMS=call.time_limit_ms))
        data |= {"sampled": len(sample), "filter": call.text("filter"), "paths": described(sample)}
    except (InputError, PyMongoError) as error:
        data["error"], page.status = message_of(error), 400
    return page


def described(sample: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the statistics of the paths in the documents, in order of appearance. At most `MAX_PATHS` paths are returned."""
    paths: dict[str, Path] = {}
    for document in sample:
        seen: set[str] = set()
        _visit(decode(encode_bson(document)), "", paths, seen)
        for name in seen:
            paths[name].present += 1
    return [_row(name, path, len(sample)) for name, path in list(paths.items())[:MAX_PATHS]]


def _visit(document: dict[str, Any], prefix: str, paths: dict[str, Path], seen: set[str]) -> None:
    for name, value in document.items():
        _note(f"{prefix}{name}", value, paths, seen)


def _note(name: str, value: Any, paths: dict[str, Path], seen: set[str]) -> None:
    """Count a value and its nested values. The path `a.b` is the field b of a document, and `a[]` is an element of an array."""
    if name not in paths and len(paths) >= MAX_PATHS:
        return
    path = paths.setdefault(name, Path())
    seen.add(name)
    path.types[type_name(value)] += 1
    if type(value) is dict:
        _visit(value, f"{name}.", paths, seen)
    elif type(value) is list:
        for entry in value:
            _note(f"{name}[]", entry, paths, seen)
    else:
        path.values[_shown(value)] += 1


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else typed(value)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"


def _row(name: str, path: Path, total: int) -> dict[str, Any]:
    number = sum(path.types.values())
    return {
        "path": name,
        "missingPercent": round(100 * (total - path.present) / total, 1),
        "types": [{"type": kind, "percent": round(100 * times / number, 1)} for kind, times in path.types.most_common()],
        "values": [{"value": value, "times": times} for value, times in path.values.most_common(_TOP)],
        "distinct": len(path.values),
    }


ROUTES: Final = (shown("/schema", schema),)
