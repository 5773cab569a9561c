"""The operator `$text`, which searches the collection's text index.

https://www.mongodb.com/docs/manual/reference/operator/query/text/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.match._expression import TextMatch
from secantus_server.mql.match._nodes import MatchExpression
from secantus_server.mql.match.parser import check_top_level
from secantus_server.mql.match.registry import Clause
from secantus_server.mql.text.definition import TextDefinition
from secantus_server.mql.text.languages import LANGUAGES
from secantus_server.mql.text.search import TextSearch
from secantus_server.mql.text.tokens import Sensitivity

FIELD_TYPES = {"$search": str, "$language": str, "$caseSensitive": bool, "$diacriticSensitive": bool}


def parse_text(clause: Clause) -> MatchExpression:
    """Parse `$text`, which may occur only once in a filter and not inside `$nor`."""
    _check_place(clause)
    if type(clause.argument) is not dict:
        raise CommandError(2, "$text expects an object")
    _check_fields(clause.argument)
    ctx = clause.scope.ctx
    if ctx.text_definition is None:
        raise CommandError(27, "text index required for $text query")
    if ctx.metadata is not None:
        ctx.metadata.available.add("textScore")
    return _text_match(clause.argument, ctx.text_definition())


def _text_match(spec: dict[str, Any], definition: TextDefinition) -> TextMatch:
    name = spec.get("$language") or definition.language
    language = LANGUAGES.get(name.lower())
    if language is None:
        raise CommandError(2, f'unsupported language: "{name}" for text index version {definition.version}')
    sensitivity = Sensitivity(spec.get("$caseSensitive", False), spec.get("$diacriticSensitive", False))
    complete = {
        "$search": spec["$search"],
        "$language": spec.get("$language", definition.language),
        "$caseSensitive": sensitivity.case,
        "$diacriticSensitive": sensitivity.diacritics,
    }
    return TextMatch(TextSearch(definition, spec["$search"], language, sensitivity), complete)


def _check_place(clause: Clause) -> None:
    check_top_level(clause)
    if clause.scope.negated:
        raise CommandError(2, "text expression not allowed in nor")
    if "$text" in clause.scope.near:
        raise CommandError(2, "Too many text expressions")
    if clause.scope.near:
        raise CommandError(2, "text and geoNear not allowed in same query")
    clause.scope.near.append("$text")


def _check_fields(spec: dict[str, Any]) -> None:
    if "$search" not in spec:
        raise CommandError(4, 'Missing expected field "$search"')
    for name, value in spec.items():
        if name not in FIELD_TYPES:
            raise CommandError(2, "extra fields in $text")
        if type(value) is not FIELD_TYPES[name]:
            expected = "string" if FIELD_TYPES[name] is str else "bool"
            raise CommandError(14, f'"{name}" had the wrong type. Expected {expected}, found {type_name(value)}')
