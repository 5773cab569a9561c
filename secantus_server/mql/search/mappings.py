"""The mappings of a search index, which define its fields and their types.

https://www.mongodb.com/docs/atlas/atlas-search/define-field-mappings/
"""

from __future__ import annotations

from typing import Any

from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.search.analyzers import STANDARD, analyzer

#: The types of a field that has no definition.
DYNAMIC: dict[str, dict[str, Any]] = {name: {} for name in ("string", "number", "date", "boolean", "objectId", "uuid")}
_TYPES = frozenset([*DYNAMIC, "token", "autocomplete", "document"])
_OPTIONS = frozenset(["analyzer", "searchAnalyzer", "mappings", "numPartitions"])


class Mappings:
    """The mappings of a search index, which define the fields in the index and how they are analyzed.

    Arguments:
        definition: the definition of the index.

    Raises:
        CommandError: 8, as in MongoDB Search, for a malformed definition. 238 for a type or an option that is not supported.
    """

    def __init__(self, definition: dict[str, Any]) -> None:
        if type(definition.get("mappings")) is not dict:
            raise CommandError(8, '"mappings" is required')
        for name in definition:
            if name not in _OPTIONS:
                raise not_supported(f"the option {name} of a search index", "leave it out")
        self._root = definition["mappings"]
        self._analyzer = definition.get("analyzer", STANDARD)
        self._search_analyzer = definition.get("searchAnalyzer", self._analyzer)
        _check(self._root, "mappings")
        for name in (self._analyzer, self._search_analyzer):
            analyzer(name)

    def types(self, path: str) -> dict[str, dict[str, Any]]:
        """Return the index types of a field with their options. The result is empty if the field is not indexed."""
        node, names = self._root, path.split(".")
        for place, name in enumerate(names):
            found = _definitions(node.get("fields", {}).get(name))
            if not found:
                return DYNAMIC if node.get("dynamic") else {}
            if place == len(names) - 1:
                return found
            if "document" not in found:
                return {}
            node = found["document"]
        return {}

    def analyzers(self, path: str) -> tuple[str, str]:
        """Return the names of two analyzers for a field: one for the texts in documents, and one for the texts in searches."""
        options = self.types(path).get("string", {})
        own = options.get("analyzer")
        return own or self._analyzer, options.get("searchAnalyzer") or own or self._search_analyzer


def _definitions(found: Any) -> dict[str, dict[str, Any]]:
    """Return the definitions of one field, by type. A field may be indexed as several types."""
    many = found if type(found) is list else [] if found is None else [found]
    return {one["type"]: one for one in many}


def _check(node: dict[str, Any], where: str) -> None:
    """Recursively validate mappings, and raise CommandError for a part that is malformed or not supported.

    Arguments:
        node: the mappings of a document.
        where: the path of the mappings, for error messages.
    """
    if type(node.get("dynamic", False)) is not bool:
        raise not_supported("a dynamic mapping by types", "use dynamic: true or list the fields")
    fields = node.get("fields", {})
    if type(fields) is not dict:
        raise CommandError(8, f'"{where}.fields" must be a document')
    for name, found in fields.items():
        for one in found if type(found) is list else [found]:
            if type(one) is not dict or type(one.get("type")) is not str:
                raise CommandError(8, f'"{where}.fields.{name}.type" is required')
            if one["type"] not in _TYPES:
                raise not_supported(f"a field of type {one['type']} in a search index", "leave the field out")
            for option in ("analyzer", "searchAnalyzer"):
                if option in one:
                    analyzer(one[option])
            for option in ("minGrams", "maxGrams"):
                if type(one.get(option, 1)) is not int or one.get(option, 1) < 1:
                    raise CommandError(8, f'"{where}.fields.{name}.{option}" must be a positive integer')
            if one["type"] == "document":
                _check(one, f"{where}.fields.{name}")
