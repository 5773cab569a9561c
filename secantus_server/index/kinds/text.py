"""The text index, which has one entry for each term of a document.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-text/

A key consists of the values of the fields before the text fields, a term, and the term's score in the document. Fields after the text
fields are not stored, because no query reads them from the index.
"""

from __future__ import annotations

import struct
from hashlib import sha256
from itertools import groupby, takewhile
from types import MappingProxyType
from typing import Any, TypeAlias

from secantus_server.bson import decode, decode_stored, key_string
from secantus_server.bson.numbers import python_number
from secantus_server.bson.shell import shell_text
from secantus_server.bson.values import is_number, type_name
from secantus_server.errors import CommandError
from secantus_server.index.kinds.kind import Extractor, IndexKind, register
from secantus_server.mql.text.definition import EVERY_FIELD, TextDefinition
from secantus_server.mql.text.languages import LANGUAGES, stems_version
from secantus_server.version import Release

VERSION = 3
_DEFAULTS = {"default_language": "english", "language_override": "language", "textIndexVersion": VERSION}
MAX_WEIGHT = 1_000_000_000
# The fields that replace all text fields in the stored key pattern.
_STORED_FIELDS = ("_fts", "_ftsx")
# The length in bytes above which a term is shortened and completed by a digest.
_LONGEST_TERM = 128
# The format of a score: big-endian, because the big-endian bytes of positive doubles sort like the doubles.
_SCORE = struct.Struct(">d")
_SCORE_AND_OWNER = struct.Struct(">dq")


#: The definition of a text index, for packages that may not import the package that defines it.
TextContents: TypeAlias = TextDefinition


class Text(IndexKind):
    """The index kind of indexes on the words in one or more fields."""

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

    def check_in_time_series(self, *, is_meta: bool) -> None:
        """Reject a text index on a time series.

        Raises:
            CommandError: 72 InvalidOptions.
        """
        raise CommandError(72, "Text indexes are not supported on time-series collections")

    def complete(self, spec: dict[str, Any], release: Release) -> dict[str, Any]:
        """Convert a definition to MongoDB's stored form, in which the text fields are listed in `weights` and no longer in the key
        pattern.

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

    def extractor(self, spec: dict[str, Any]) -> Extractor:
        """Return a function that computes a document's keys, one for each of its terms."""
        definition, prefix, others = TextDefinition(spec), prefix_of(spec), others_of(spec)
        return lambda document: _keys(document, definition, prefix, others)

    def key_values(self, spec: dict[str, Any], document: bytes, key: bytes) -> list[Any]:
        """Decode a key and return the values of the fields around the text fields, the term, and the term's score, in the order of the
        key pattern.
        """
        decoded = decode(document)
        values = {path: _value(decoded, path.split("."), path) for path in others_of(spec)}
        start = sum(len(key_string(values[path])) for path in prefix_of(spec))
        values["_fts"] = key[start : -_SCORE.size - 1].decode("utf-8", "replace")
        values["_ftsx"] = _SCORE.unpack(key[-_SCORE.size :])[0]
        return [values[path] for path in spec["key"]]

    def entries_version(self) -> str:
        """Return the format version of the stored keys, combined with the version of the stemmers."""
        return f"1, stems {stems_version()}"


def _version(value: Any) -> int:
    number = python_number(value)
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
    """Return the weight of each text field, combining the key pattern with the option `weights`.

    The key pattern does not list the text fields if the definition was copied from listIndexes.
    """
    if type(given) in (str, list):
        raise CommandError(67, f"weights must be a document of fields and numbers, not {shell_text(given)}")
    if type(given) is not dict:
        raise CommandError(14, f"The field 'weights' must be an object, but got {type_name(given)}")
    weights = {path: 1 for path, direction in key.items() if direction == "text" and path not in _STORED_FIELDS}
    for path, weight in given.items():
        if not is_number(weight):
            raise CommandError(67, f"The weight of '{path}' must be a number, not {type_name(weight)}")
        number = python_number(weight)
        if not 0 < number < MAX_WEIGHT:
            raise CommandError(67, f"The weight of '{path}' must be in the exclusive interval (0,{MAX_WEIGHT}), not {shell_text(weight)}")
        if not path or (path.startswith("$") and path != "$**") or "" in path.split("."):
            raise CommandError(67, f"weights cannot have a field named '{path}'")
        weights[path] = int(number)
    if not weights:
        raise CommandError(67, "A text index must have at least one text field in 'key' or in 'weights'")
    return dict(sorted(weights.items()))


def text_definition(spec: dict[str, Any]) -> TextDefinition:
    """Parse the stored definition of a text index.

    Arguments:
        spec: the definition as it is stored.
    """
    return TextDefinition(spec)


def any_text() -> TextDefinition:
    """Return the definition of a text index on all fields with the default options."""
    return TextDefinition({**_DEFAULTS, "weights": {EVERY_FIELD: 1}})


def term_key(term: str) -> bytes:
    """Return the bytes that represent a term in a key. If the term is long, its end is replaced by a digest."""
    data = term.encode("utf-8", "surrogateescape")
    if len(data) > _LONGEST_TERM:
        data = data[:_LONGEST_TERM] + sha256(data).digest()
    # The terminator is unambiguous, because no term contains a null character: null characters separate words.
    return data + b"\0"


def score_and_owner(key: bytes, _value: bytes) -> tuple[float, int]:
    """Return the score and the RecordId from an entry of a text index. Both are at the end of the entry's key."""
    found: tuple[float, int] = _SCORE_AND_OWNER.unpack(key[-16:])
    return found


def unique_score_and_owner(key: bytes, value: bytes) -> tuple[float, int]:
    """Return the score and the RecordId from an entry of a unique text index. The entry's key ends with the score, and its value contains
    the RecordId.
    """
    found: tuple[float, int] = _SCORE_AND_OWNER.unpack(key[-8:] + value[:8])
    return found


def prefix_of(spec: dict[str, Any]) -> list[str]:
    """Return the paths that precede the text fields in a definition's key pattern."""
    return list(takewhile(lambda path: path not in _STORED_FIELDS, spec["key"]))


def others_of(spec: dict[str, Any]) -> list[str]:
    """Return the paths of a definition's key pattern that are not text fields."""
    return [path for path in spec["key"] if path not in _STORED_FIELDS]


def _keys(document: bytes, definition: TextDefinition, prefix: list[str], others: list[str]) -> list[bytes]:
    decoded = decode_stored(document)
    values = {path: _value(decoded, path.split("."), path) for path in others}
    start = b"".join(key_string(values[path]) for path in prefix)
    return [start + term_key(term) + _SCORE.pack(score) for term, score in definition.scores(decoded).items()]


def _value(value: Any, names: list[str], path: str) -> Any:
    """Return the value at a path, or None if the field is absent.

    Raises:
        CommandError: 16675 if the value or one of its parents is an array.
    """
    for name in names:
        value = value.get(name) if type(value) is dict else None
        if type(value) is list:
            raise CommandError(16675, f"cannot have a multi-key as a prefix to a text index: the field '{path}' contains an array")
    return value


register(Text())
