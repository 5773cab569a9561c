"""The output documents of `$listSearchIndexes`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/listSearchIndexes/
"""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.errors import CommandError


def shown_index(index: dict[str, Any]) -> dict[str, Any]:
    """Return the `$listSearchIndexes` document of an index. It always reports that the index is ready for queries."""
    version = {"version": Int64(index["version"]), "createdAt": index["createdAt"]}
    detail = {"status": "READY", "queryable": True, "definitionVersion": version, "definition": index["definition"]}
    return {
        "id": index["id"],
        "name": index["name"],
        "type": index["type"],
        "status": "READY",
        "queryable": True,
        "latestDefinitionVersion": version,
        "latestDefinition": index["definition"],
        "statusDetail": [{"hostname": "localhost", "status": "READY", "queryable": True, "mainIndex": detail}],
    }


def place_of(indexes: list[dict[str, Any]], wanted: dict[str, Any], namespace: str) -> int:
    """Return the position of an index in a collection's list of search indexes.

    Arguments:
        wanted: the `id` or the `name` of the index.
        namespace: the collection's namespace, for the error message.

    Raises:
        CommandError: 27 IndexNotFound.
    """
    for place, index in enumerate(indexes):
        if all(index[name] == value for name, value in wanted.items()):
            return place
    name = next(iter(wanted.values()))
    raise CommandError(27, f"Index {name} not found on {namespace}")
