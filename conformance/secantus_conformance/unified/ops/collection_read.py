"""The read operations on a collection: find, aggregate, distinct, counts, and change streams."""

from __future__ import annotations

from typing import Any

from pymongo.collection import Collection

from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.cursors import FirstResultCursor
from secantus_conformance.unified.ops.arguments import keywords
from secantus_conformance.unified.ops.registry import impossible, operation

NO_TIMEOUT_MODE = {"timeoutMode": "pymongo has no timeoutMode"}
_FIND = (
    "session batchSize sort projection skip limit comment hint max maxTimeMS min showRecordId returnKey allowDiskUse collation let "
    "cursorType maxAwaitTimeMS noCursorTimeout allowPartialResults"
)
_AGGREGATE = "session allowDiskUse collation let batchSize comment bypassDocumentValidation maxTimeMS maxAwaitTimeMS hint"
_VERBATIM_AGGREGATE = "allowDiskUse batchSize bypassDocumentValidation maxTimeMS maxAwaitTimeMS"

impossible("collection", ["count"], "pymongo has no count(), only count_documents and estimated_document_count")
impossible("collection", ["mapReduce"], "pymongo has no map_reduce()")


def _find(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    awaited = arguments.pop("maxAwaitTimeMS", None)
    cursor = target.find(**keywords(test, arguments))
    return cursor if awaited is None else cursor.max_await_time_ms(awaited)


@operation("collection", "find", "filter", _FIND, rows=True, cannot=NO_TIMEOUT_MODE)
def find(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Run a find and return all matching documents."""
    return _find(test, target, arguments).to_list()


@operation("collection", "createFindCursor", "filter", _FIND, cannot=NO_TIMEOUT_MODE)
def create_find_cursor(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Run a find and return its cursor."""
    return FirstResultCursor.of_find(_find(test, target, arguments))


@operation("collection", "findOne", "filter", _FIND)
def find_one(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Return the first matching document, or None."""
    return target.find_one(**keywords(test, arguments))


@operation("collection|database", "aggregate", "pipeline", _AGGREGATE, rows=True, cannot=NO_TIMEOUT_MODE)
def aggregate(test: TestContext, target: Any, arguments: dict[str, Any]) -> Any:
    """Run an aggregation and return all resulting documents."""
    return target.aggregate(**keywords(test, arguments, verbatim=_VERBATIM_AGGREGATE)).to_list()


@operation("collection", "distinct", "fieldName filter", "session collation comment hint maxTimeMS")
def distinct(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Return the distinct values of a field."""
    return target.distinct(**keywords(test, arguments, verbatim="maxTimeMS", fieldName="key"))


@operation("collection", "countDocuments", "filter", "session collation skip limit comment hint maxTimeMS")
def count_documents(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Return the number of matching documents, which an aggregation counts."""
    return target.count_documents(**keywords(test, arguments, verbatim="maxTimeMS"))


@operation("collection", "estimatedDocumentCount", "", "comment maxTimeMS")
def estimated_document_count(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Return the number of documents that the count command reports."""
    return target.estimated_document_count(**keywords(test, arguments, verbatim="maxTimeMS"))


@operation(
    "client|database|collection",
    "createChangeStream",
    "pipeline",
    "session batchSize collation comment fullDocument fullDocumentBeforeChange maxAwaitTimeMS resumeAfter startAfter "
    "startAtOperationTime showExpandedEvents",
    cannot=NO_TIMEOUT_MODE,
)
def create_change_stream(test: TestContext, target: Any, arguments: dict[str, Any]) -> Any:
    """Run the aggregate command of a change stream, and return the change stream."""
    return target.watch(**keywords(test, arguments))
