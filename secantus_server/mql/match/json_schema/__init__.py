"""The operator `$jsonSchema`, which supports JSON Schema draft 4 and MongoDB's `bsonType`. Each family of keywords has its own module.

https://www.mongodb.com/docs/manual/reference/operator/query/jsonSchema/
"""

from __future__ import annotations

from secantus_server.errors import CommandError
from secantus_server.mql.match._nodes import MatchExpression
from secantus_server.mql.match._schema import JsonSchema
from secantus_server.mql.match.json_schema import arrays, combining, documents, notes, numbers, strings, types  # noqa: F401
from secantus_server.mql.match.json_schema.parser import parse_schema
from secantus_server.mql.match.parser import check_top_level
from secantus_server.mql.match.registry import Clause


def parse_json_schema(clause: Clause) -> MatchExpression:
    """Parse `$jsonSchema`, which matches documents that are valid according to a schema."""
    check_top_level(clause)
    if type(clause.argument) is not dict:
        raise CommandError(14, "$jsonSchema must be an object")
    return JsonSchema(parse_schema(clause.argument), clause.argument)
