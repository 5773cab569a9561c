"""The operations on a client: listing and dropping databases, appending metadata, and closing."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.driver_info import DriverInfo

from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.ops.arguments import keywords
from secantus_conformance.unified.ops.registry import impossible, operation

impossible("client", ["listDatabaseObjects"], "pymongo has no method that lists databases as objects")


@operation("client", "close")
def close(test: TestContext, target: MongoClient[Any], arguments: dict[str, Any]) -> Any:
    """Close the client."""
    return target.close()


@operation("client", "dropDatabase", "database", "session comment")
def drop_database(test: TestContext, target: MongoClient[Any], arguments: dict[str, Any]) -> Any:
    """Drop a database."""
    return target.drop_database(**keywords(test, arguments, database="name_or_database"))


@operation("client", "listDatabases", "", "filter session comment authorizedDatabases", rows=True)
def list_databases(test: TestContext, target: MongoClient[Any], arguments: dict[str, Any]) -> Any:
    """Return all databases."""
    return target.list_databases(**keywords(test, arguments, verbatim="authorizedDatabases")).to_list()


@operation("client", "listDatabaseNames", "", "session comment")
def list_database_names(test: TestContext, target: MongoClient[Any], arguments: dict[str, Any]) -> Any:
    """Return the names of all databases."""
    return target.list_database_names(**keywords(test, arguments))


@operation("client", "appendMetadata", "driverInfoOptions")
def append_metadata(test: TestContext, target: MongoClient[Any], arguments: dict[str, Any]) -> Any:
    """Append to the metadata that the client sends to servers."""
    info = arguments["driverInfoOptions"]
    return target.append_metadata(DriverInfo(info["name"], info.get("version"), info.get("platform")))
