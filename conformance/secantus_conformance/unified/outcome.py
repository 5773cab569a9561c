"""The insertion of a test's initial data, and the comparison of the data with the expected outcome."""

from __future__ import annotations

from typing import Any

from pymongo import ASCENDING, MongoClient, ReadPreference, WriteConcern
from pymongo.read_concern import ReadConcern

from secantus_conformance import extjson
from secantus_conformance.failures import AssertionFailed
from secantus_conformance.unified.values import identical

_MAJORITY = WriteConcern(w="majority")


def insert_initial_data(client: MongoClient[Any], initial_data: list[dict[str, Any]]) -> None:
    """Create a test's collections and insert their initial data. If that fails, raise the server's error."""
    for data in initial_data:
        database = client.get_database(data["databaseName"], write_concern=_MAJORITY)
        name, documents = data["collectionName"], data["documents"]
        for each in (name, f"enxcol_.{name}.esc", f"enxcol_.{name}.ecoc"):
            database.drop_collection(each)
        if "createOptions" in data or not documents:
            database.create_collection(name, check_exists=False, **data.get("createOptions", {}))
        if documents:
            database[name].insert_many(documents)


def check_outcome(client: MongoClient[Any], outcome: list[dict[str, Any]]) -> None:
    """Compare collections with the expected outcome exactly, including BSON types. Raise AssertionFailed if they differ."""
    for data in outcome:
        collection = client[data["databaseName"]].get_collection(
            data["collectionName"], read_preference=ReadPreference.PRIMARY, read_concern=ReadConcern("local")
        )
        found = collection.find({}, sort=[("_id", ASCENDING)]).to_list()
        if not identical(data["documents"], found):
            raise AssertionFailed(
                "outcome",
                f"{collection.full_name} {_difference(data['documents'], found)}.",
                extjson.show(data["documents"]),
                extjson.show(found),
            )


def _difference(expected: list[Any], found: list[Any]) -> str:
    if len(expected) != len(found):
        return f"holds {len(found)} documents, not {len(expected)}"
    wrong = [index for index, (wanted, got) in enumerate(zip(expected, found, strict=True)) if not identical(wanted, got)]
    return f"differs in document {wrong[0] + 1}"
