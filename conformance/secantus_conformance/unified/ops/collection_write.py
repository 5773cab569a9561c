"""The write operations on a collection: insert, update, replace, delete, and findOneAnd... Their results are converted to documents."""

from __future__ import annotations

from typing import Any

from pymongo.collection import Collection

from secantus_conformance.failures import SkipTest
from secantus_conformance.model import Skip
from secantus_conformance.unified import results
from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.ops.arguments import keywords
from secantus_conformance.unified.ops.registry import operation

_UPDATE = "upsert bypassDocumentValidation arrayFilters collation comment hint let session"
_DELETE = "collation comment hint let session"
_FIND_AND = "session projection sort collation comment hint let maxTimeMS writeConcern"
_VERBATIM = "bypassDocumentValidation maxTimeMS"
_NO_RAW_DATA = {"rawData": "pymongo has no rawData"}


@operation("collection", "insertOne", "document", "session bypassDocumentValidation comment", cannot=_NO_RAW_DATA)
def insert_one(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Insert a document."""
    return results.insert_one(target.insert_one(**keywords(test, arguments)))


@operation("collection", "insertMany", "documents", "session bypassDocumentValidation comment ordered", cannot=_NO_RAW_DATA)
def insert_many(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Insert documents."""
    return results.insert_many(target.insert_many(**keywords(test, arguments)))


@operation("collection", "updateOne", "filter update", _UPDATE + " sort", cannot=_NO_RAW_DATA)
def update_one(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Update the first matching document."""
    return results.update(target.update_one(**_sorted(keywords(test, arguments))))


@operation("collection", "updateMany", "filter update", _UPDATE, cannot=_NO_RAW_DATA)
def update_many(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Update all matching documents."""
    return results.update(target.update_many(**keywords(test, arguments)))


@operation(
    "collection",
    "replaceOne",
    "filter replacement",
    "upsert bypassDocumentValidation collation comment hint let session sort",
    cannot=_NO_RAW_DATA,
)
def replace_one(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Replace the first matching document."""
    return results.update(target.replace_one(**_sorted(keywords(test, arguments))))


def _sorted(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of an update with its sort as a document, which pymongo expects here."""
    if "sort" in arguments:
        arguments["sort"] = dict(arguments["sort"])
    return arguments


@operation("collection", "deleteOne", "filter", _DELETE, cannot=_NO_RAW_DATA)
def delete_one(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Delete the first matching document."""
    return results.delete(target.delete_one(**keywords(test, arguments)))


@operation("collection", "deleteMany", "filter", _DELETE, cannot=_NO_RAW_DATA)
def delete_many(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Delete all matching documents."""
    return results.delete(target.delete_many(**keywords(test, arguments)))


@operation("collection", "findOneAndDelete", "filter", _FIND_AND, cannot=_NO_RAW_DATA)
def find_one_and_delete(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Delete a document and return it."""
    return target.find_one_and_delete(**keywords(test, _collection_only(arguments), verbatim=_VERBATIM))


@operation(
    "collection",
    "findOneAndReplace",
    "filter replacement",
    _FIND_AND + " returnDocument upsert bypassDocumentValidation",
    cannot=_NO_RAW_DATA,
)
def find_one_and_replace(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Replace a document and return its old or new version."""
    return target.find_one_and_replace(**keywords(test, _collection_only(arguments), verbatim=_VERBATIM))


@operation(
    "collection",
    "findOneAndUpdate",
    "filter update",
    _FIND_AND + " returnDocument upsert bypassDocumentValidation arrayFilters",
    cannot=_NO_RAW_DATA,
)
def find_one_and_update(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Update a document and return its old or new version."""
    return target.find_one_and_update(**keywords(test, _collection_only(arguments), verbatim=_VERBATIM))


def _collection_only(arguments: dict[str, Any]) -> dict[str, Any]:
    if "writeConcern" in arguments:
        raise SkipTest(Skip.CLIENT, "pymongo takes the write concern of findOneAnd... from the collection only")
    return arguments
