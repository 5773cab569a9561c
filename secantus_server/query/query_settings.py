"""Query settings, which restrict the indexes for queries of a shape, limit their time, or reject them.

https://www.mongodb.com/docs/manual/reference/command/setQuerySettings/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from secantus_server.errors import CommandError
from secantus_server.query.query_shapes import SHAPED, query_shape_hash

QUERY_REJECTED = 411


class TimeLimited(Protocol):
    """An operation that supports a time limit."""

    def limit(self, max_time_ms: int) -> None:
        """Set the time limit in milliseconds."""


@dataclass(frozen=True)
class QuerySettings:
    """The settings for one query shape.

    Arguments:
        hash: the hash of the shape.
        settings: the settings in the format of `$querySettings`.
        representative: the command from which the shape was derived; None if only the hash is known.
    """

    hash: str
    settings: dict[str, Any]
    representative: dict[str, Any] | None = None

    def allowed_indexes(self) -> dict[str, list[Any]]:
        """Return the names and key patterns of the allowed indexes for each namespace."""
        hints = self.settings.get("indexHints", [])
        return {f"{hint['ns']['db']}.{hint['ns']['coll']}": hint["allowedIndexes"] for hint in hints}

    def apply(self, operation: TimeLimited) -> None:
        """Apply the settings to an operation with this query shape: set its time limit, or raise if such queries are rejected.

        Raises:
            CommandError: 411 QueryRejectedBySettings.
        """
        if self.settings.get("reject"):
            raise CommandError(QUERY_REJECTED, "Query rejected by admin query settings")
        if "maxTimeMS" in self.settings:
            operation.limit(int(self.settings["maxTimeMS"]))

    def shown(self, *, debug: bool = False) -> dict[str, Any]:
        """Return the settings as a document of the stage `$querySettings`.

        Arguments:
            debug: whether to include the query shape.
        """
        document: dict[str, Any] = {"queryShapeHash": self.hash, "settings": self.settings}
        if self.representative is not None:
            document["representativeQuery"] = self.representative
            if debug:
                document["debugQueryShape"] = _debug_shape(self.representative)
        return document


def settings_of(known: dict[str, QuerySettings], db: str, name: str, body: dict[str, Any]) -> QuerySettings | None:
    """Return the settings for a command's query shape, or None if it has no settings.

    Arguments:
        known: all settings, by the hash of their shape.
        name: the command's name.
    """
    return known.get(query_shape_hash(db, name, body)) if known and name in SHAPED else None


def _debug_shape(representative: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a representative query in which each constant is replaced by its type."""
    name = next(iter(representative))
    shape = {"cmdNs": {"db": representative["$db"], "coll": representative[name]}, "command": name}
    return shape | {field: _types(value) for field, value in representative.items() if field not in (name, "$db")}


def _types(value: Any) -> Any:
    if type(value) is dict:
        return {name: _types(inner) for name, inner in value.items()}
    if type(value) is list:
        return [_types(inner) for inner in value]
    if type(value) is str and value.startswith("$"):
        return value
    kind = {bool: "bool", str: "string", int: "number", float: "number"}.get(type(value), type(value).__name__.lower())
    return f"?{kind}"
