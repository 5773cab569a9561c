"""The operations on a collection's indexes, search indexes and name."""

from __future__ import annotations

from typing import Any

from pymongo.collection import Collection
from pymongo.operations import SearchIndexModel

from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.ops.arguments import keywords
from secantus_conformance.unified.ops.collection_read import NO_TIMEOUT_MODE
from secantus_conformance.unified.ops.registry import impossible, operation

_INDEX = "name unique sparse expireAfterSeconds partialFilterExpression collation hidden session comment maxTimeMS commitQuorum"
_VERBATIM = "expireAfterSeconds partialFilterExpression maxTimeMS commitQuorum rawData"

impossible("collection", ["listIndexNames"], "pymongo has no list_index_names()")


@operation("collection", "createIndex", "keys", _INDEX + " rawData")
def create_index(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Create an index and return its name."""
    return target.create_index(**keywords(test, arguments, verbatim=_VERBATIM))


@operation("collection", "dropIndex", "name", "session comment maxTimeMS rawData")
def drop_index(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Drop an index by its name."""
    return target.drop_index(**keywords(test, arguments, verbatim=_VERBATIM, name="index_or_name"))


@operation("collection", "dropIndexes", "", "session comment maxTimeMS rawData")
def drop_indexes(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Drop all indexes except the one on _id."""
    return target.drop_indexes(**keywords(test, arguments, verbatim=_VERBATIM))


@operation(
    "collection",
    "listIndexes",
    "",
    "session comment",
    rows=True,
    cannot={**NO_TIMEOUT_MODE, "batchSize": "pymongo's list_indexes has no batchSize", "rawData": "pymongo's list_indexes has no rawData"},
)
def list_indexes(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Return all indexes."""
    return [dict(index) for index in target.list_indexes(**keywords(test, arguments))]


@operation("collection", "rename", "to", "dropTarget session comment")
def rename(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Rename the collection."""
    return target.rename(**keywords(test, arguments, verbatim="dropTarget", to="new_name"))


def _search_model(spec: dict[str, Any]) -> SearchIndexModel:
    return SearchIndexModel(**spec)


@operation("collection", "createSearchIndex", "model")
def create_search_index(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Create a search index and return its name."""
    return target.create_search_index(_search_model(arguments["model"]))


@operation("collection", "createSearchIndexes", "models")
def create_search_indexes(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Create search indexes and return their names."""
    return target.create_search_indexes([_search_model(model) for model in arguments["models"]])


@operation("collection", "dropSearchIndex", "name")
def drop_search_index(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Drop a search index."""
    return target.drop_search_index(arguments["name"])


@operation("collection", "updateSearchIndex", "name definition")
def update_search_index(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Update the definition of a search index."""
    return target.update_search_index(arguments["name"], arguments["definition"])


@operation("collection", "listSearchIndexes", "", "name aggregationOptions", rows=True)
def list_search_indexes(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Return all search indexes, or only the index with the given name."""
    return target.list_search_indexes(arguments.get("name"), **arguments.get("aggregationOptions", {})).to_list()
