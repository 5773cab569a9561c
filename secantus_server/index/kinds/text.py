"""The text index: its definition, and the documents that it refuses.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-text/

It stores no entries, so `$text` is refused. Documents in an unknown language are refused as MongoDB refuses them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from types import MappingProxyType
from typing import Any

from secantus_server.bson import decode
from secantus_server.bson.shell import shell_text
from secantus_server.bson.values import is_number, type_name
from secantus_server.errors import CommandError
from secantus_server.index.key_pattern import as_number
from secantus_server.index.kinds.kind import Guard, IndexKind, register
from secantus_server.mql.match.text import LANGUAGES

VERSION = 3
MAX_WEIGHT = 1_000_000_000
# The fields that take the place of all text fields in the stored key pattern.
_STORED_FIELDS = ("_fts", "_ftsx")


class Text(IndexKind):
    """An index on the words of one or more fields."""

    name = "text"
    options = MappingProxyType(
        {"weights": "any", "default_language": "string", "language_override": "string", "textIndexVersion": "number"}
    )
    exclusive_options = MappingProxyType({"weights": (67, "the field 'weights' can only be specified with text indexes")})
    has_collations = False
    may_expire = True
    in_api_v1 = False
    one_per_collection = True
    serves_text = True
    needs_predicate = True

    def complete(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Return the definition in the form that MongoDB stores, which names the text fields in `weights` only.

        Raises:
            CommandError: 67 CannotCreateIndex, 14 TypeMismatch for weights that are not a document.
        """
        _check_adjacent(spec["key"])
        weights = _weights(spec["key"], spec.get("weights", {}))
        language = spec.get("default_language", "english")
        if language.lower() not in LANGUAGES:
            raise CommandError(67, f'default_language "{language}" is not supported by text index version {VERSION}')
        override = spec.get("language_override", "language")
        if not override or override.startswith("$") or "." in override or "\0" in override:
            raise CommandError(67, f'language_override must name a top-level field, not "{override}"')
        others = {option: value for option, value in spec.items() if option not in self.options}
        others["key"] = _stored_key(spec["key"])
        texts = {"weights": weights, "default_language": language, "language_override": override}
        return {**others, **texts, "textIndexVersion": _version(spec.get("textIndexVersion", VERSION))}

    def guard(self, spec: dict[str, Any]) -> Guard:
        """Return a function that refuses documents in an unknown language."""
        override, paths = spec["language_override"], [path.split(".") for path in spec["weights"]]
        return lambda document: _check_languages(decode(document), override, paths)


def _version(value: Any) -> int:
    number = as_number(value)
    if number not in (1, 2, VERSION):
        raise CommandError(67, f"textIndexVersion {shell_text(value)} is not supported; versions 1, 2 and 3 are")
    return int(number)


def _check_adjacent(key: dict[str, Any]) -> None:
    kinds = [kind for kind, _ in groupby(direction == "text" or path in _STORED_FIELDS for path, direction in key.items())]
    if kinds.count(True) > 1:
        raise CommandError(67, "The text fields of a compound text index must stand beside one another in the key pattern")


def _stored_key(key: dict[str, Any]) -> dict[str, Any]:
    stored: dict[str, Any] = {}
    for path, direction in key.items():
        if direction == "text":
            stored.update({"_fts": "text", "_ftsx": 1})
        elif path not in _STORED_FIELDS:
            stored[path] = direction
    return stored


def _weights(key: dict[str, Any], given: Any) -> dict[str, Any]:
    """Return the weight of each text field; a definition copied from listIndexes names its fields in `given` only."""
    if type(given) is str:
        raise CommandError(67, f'weights must be a document of fields and numbers, not "{given}"')
    if type(given) is not dict:
        raise CommandError(14, f"The field 'weights' must be an object, but got {type_name(given)}")
    weights = {path: 1 for path, direction in key.items() if direction == "text" and path not in _STORED_FIELDS}
    for path, weight in given.items():
        if not is_number(weight):
            raise CommandError(67, f"The weight of '{path}' must be a number, not {type_name(weight)}")
        number = as_number(weight)
        if not 0 < number < MAX_WEIGHT:
            raise CommandError(67, f"The weight of '{path}' must be in the exclusive interval (0,{MAX_WEIGHT}), not {shell_text(weight)}")
        if not path or (path.startswith("$") and path != "$**") or "" in path.split("."):
            raise CommandError(67, f"weights cannot have a field named '{path}'")
        weights[path] = int(number)
    if not weights:
        raise CommandError(67, "A text index must have at least one text field in 'key' or in 'weights'")
    return dict(sorted(weights.items()))


def _check_languages(document: dict[str, Any], override: str, paths: list[list[str]]) -> None:
    for part in _parts(document, paths):
        if override in part:
            _check_language(part[override])


def _parts(document: dict[str, Any], paths: list[list[str]]) -> Iterator[dict[str, Any]]:
    """Yield the document and those nested in it on the way to an indexed field: each may name its language."""
    yield document
    for name, value in document.items():
        deeper = [path if path[0] == "$**" else path[1:] for path in paths if path[0] in (name, "$**") and (path[0] == "$**" or path[1:])]
        if deeper:
            for inner in value if type(value) is list else [value]:
                if type(inner) is dict:
                    yield from _parts(inner, deeper)


def _check_language(language: Any) -> None:
    if type(language) is not str:
        raise CommandError(17261, f"found language override field in document with non-string type {type_name(language)}")
    if language.lower() not in LANGUAGES:
        raise CommandError(17262, f"language override unsupported: {language}")


register(Text())
