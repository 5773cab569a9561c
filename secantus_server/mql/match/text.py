"""The checks of `$text`'s arguments.

The search itself is not supported; the collection decides which error a valid `$text` gets.
https://www.mongodb.com/docs/manual/reference/operator/query/text/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.match._nodes import MatchExpression
from secantus_server.mql.match.parser import check_top_level
from secantus_server.mql.match.registry import Clause, filter_operator

FIELD_TYPES = {"$search": str, "$language": str, "$caseSensitive": bool, "$diacriticSensitive": bool}

# fmt: off
LANGUAGES = frozenset({
    "none", "danish", "da", "dutch", "nl", "english", "en", "finnish", "fi", "french", "fr", "german", "de", "hungarian", "hu",
    "italian", "it", "norwegian", "nb", "portuguese", "pt", "romanian", "ro", "russian", "ru", "spanish", "es", "swedish", "sv",
    "turkish", "tr",
})
# fmt: on


@filter_operator("$text")
def parse_text(clause: Clause) -> MatchExpression:
    """Check `$text`: at most once in a filter, and not under `$nor`."""
    _check_place(clause)
    if type(clause.argument) is not dict:
        raise CommandError(2, "$text expects an object")
    _check_fields(clause.argument)
    text_error = clause.scope.ctx.text_error
    raise CommandError(27, "text index required for $text query") if text_error is None else text_error()


def _check_place(clause: Clause) -> None:
    check_top_level(clause)
    if clause.scope.negated:
        raise CommandError(2, "text expression not allowed in nor")
    if clause.scope.near:
        raise CommandError(2, "text and geoNear not allowed in same query")


def _check_fields(spec: dict[str, Any]) -> None:
    if "$search" not in spec:
        raise CommandError(4, 'Missing expected field "$search"')
    for name, value in spec.items():
        if name not in FIELD_TYPES:
            raise CommandError(2, "extra fields in $text")
        if type(value) is not FIELD_TYPES[name]:
            expected = "string" if FIELD_TYPES[name] is str else "bool"
            raise CommandError(14, f'"{name}" had the wrong type. Expected {expected}, found {type_name(value)}')
    language = spec.get("$language", "none").lower()
    if language not in LANGUAGES:
        raise CommandError(2, f'unsupported language: "{language}" for text index version 3')
