"""Literals whose type changes on the way through `$group` and `$bucket`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/group/

MongoDB 8.2 does not keep the type of every literal in these stages: MinKey and MaxKey come back inside a document with an empty
field name, code without a scope as a string. A value that is read from a document keeps its type.
"""

from __future__ import annotations

from typing import Any

from bson import MaxKey, MinKey

from secantus_server.bson.values import JavaScript

# The accumulators that return their argument. The others ignore or reject these types in either form.
RETURNING = frozenset(["$first", "$last", "$min", "$max", "$push", "$addToSet"])


def grouped_literal(value: Any) -> Any:
    """Return a literal in the form in which `$group` and `$bucket` return it."""
    if type(value) in (MinKey, MaxKey):
        return {"": value}
    if type(value) is JavaScript and value.scope is None:
        return value.code
    return value


def grouped_argument(field: Any) -> Any:
    """Return an accumulated field `{$accumulator: argument}`; a literal argument has the form of `grouped_literal`."""
    if type(field) is not dict or len(field) != 1:
        return field
    name, argument = next(iter(field.items()))
    literal = grouped_literal(argument) if name in RETURNING else argument
    return field if literal is argument else {name: {"$literal": literal}}
