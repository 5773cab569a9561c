"""The export of a query's results as JSON lines or CSV, streamed while the documents are read."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from typing import Any, Final

from secantus_console import ejson
from secantus_console.errors import InputError
from secantus_console.page import Answer, Call, Download, shown

#: The maximum number of documents in an export.
MAX_DOCUMENTS: Final = 1_000_000
#: How many documents determine the columns of a CSV file. Fields that occur only in later documents are omitted.
SAMPLED: Final = 1000
_BATCH: Final = 500


def export(call: Call) -> Answer:
    """Stream the results of a query or a pipeline to the browser."""
    form = call.text("form", "jsonl")
    if form not in ("jsonl", "csv"):
        raise InputError("form must be jsonl or csv.")
    collection = call.collection
    limit = call.number("most", MAX_DOCUMENTS, 1, MAX_DOCUMENTS)
    found: Iterator[dict[str, Any]]
    if call.text("pipeline"):
        found = iter(collection.aggregate([*readable(call.pipeline()), {"$limit": limit}], allowDiskUse=True))
    else:
        projection, sort = call.document("projection"), list(call.document("sort").items())
        found = iter(collection.find(call.document("filter"), projection or None, sort=sort or None, limit=limit))
    # Read the first documents here, so that the response to an invalid query is its error.
    head = list(itertools.islice(found, SAMPLED))
    pieces = _csv(head, found) if form == "csv" else _lines(itertools.chain(head, found))
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", f"{call.database.name}.{collection.name}")
    return Download(f"{name}.{form}", "text/csv" if form == "csv" else "application/x-ndjson", pieces)


def readable(pipeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the pipeline if it does not write.

    Raises:
        InputError: the pipeline writes.
    """
    if any(name in ("$out", "$merge") for stage in pipeline for name in stage):
        raise InputError("A pipeline with $out or $merge writes: leave that stage out here.")
    return pipeline


def _lines(documents: Iterator[dict[str, Any]]) -> Iterator[str]:
    while batch := list(itertools.islice(documents, _BATCH)):
        yield "".join(f"{ejson.dumps(document)}\n" for document in batch)


def _csv(head: list[dict[str, Any]], rest: Iterator[dict[str, Any]]) -> Iterator[str]:
    columns = list(dict.fromkeys(name for document in head for name in document))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(map(_harmless, columns))
    documents = itertools.chain(head, rest)
    while batch := list(itertools.islice(documents, _BATCH)):
        writer.writerows([_cell(document[name]) if name in document else "" for name in columns] for document in batch)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> Any:
    """Format a value as a CSV cell: strings and numbers unchanged, all other values as Extended JSON."""
    if isinstance(value, str):
        return _harmless(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return ejson.dumps(value)


def _harmless(text: str) -> str:
    """Escape a text so that a spreadsheet does not interpret it as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


ROUTES: Final = (shown("/export", export),)
