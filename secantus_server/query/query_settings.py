"""Query settings, which restrict the indexes that queries of a shape may use, or reject such queries.

https://www.mongodb.com/docs/manual/reference/command/setQuerySettings/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.query.query_shapes import SHAPED, query_shape_hash

QUERY_REJECTED = 411


@dataclass(frozen=True)
class QuerySettings:
    """The settings of one query shape.

    Arguments:
        hash: the hash of the shape.
        settings: the settings in the form that `$querySettings` shows.
        representative: the command from which the shape was taken; None if only the hash is known.
    """

    hash: str
    settings: dict[str, Any]
    representative: dict[str, Any] | None = None

    def allowed_indexes(self) -> dict[str, list[Any]]:
        """Return the names and key patterns of the allowed indexes, by namespace."""
        hints = self.settings.get("indexHints", [])
        return {f"{hint['ns']['db']}.{hint['ns']['coll']}": hint["allowedIndexes"] for hint in hints}

    def check(self) -> None:
        """Raise an error if queries of the shape are rejected.

        Raises:
            CommandError: 411 QueryRejectedBySettings.
        """
        if self.settings.get("reject"):
            raise CommandError(QUERY_REJECTED, "Query rejected by admin query settings")

    def shown(self, *, debug: bool = False) -> dict[str, Any]:
        """Return the document of `$querySettings`.

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
    """Return the settings of a command's query shape, or None.

    Arguments:
        known: all settings, by the hash of their shape.
        name: the command's name.
    """
    return known.get(query_shape_hash(db, name, body)) if known and name in SHAPED else None


def _debug_shape(representative: dict[str, Any]) -> dict[str, Any]:
    """Return a representative query in which the constants are replaced by their types."""
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
