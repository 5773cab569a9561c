"""A derived context differs from its parent only in the given fields."""

from __future__ import annotations

import random

from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson.values import Date
from secantus_server.mql.context import Cell, ParseContext
from secantus_server.mql.match.registry import Scope
from secantus_server.records import fields


def test_a_child_has_more_variables_and_is_otherwise_the_same() -> None:
    ctx = ParseContext(
        Date(5),
        Timestamp(1, 2),
        {"a": Cell(1)},
        None,
        random.Random(0),
        ObjectId,
        False,
        keeps_empty_timestamps=True,
        defers_constant_errors=True,
    )
    child = ctx.child(b=Cell(2))
    assert list(child.variables) == ["a", "b"]
    for field in fields(ParseContext):
        assert field.name == "variables" or getattr(child, field.name) is getattr(ctx, field.name)


def test_a_deeper_scope_is_otherwise_the_same() -> None:
    scope = Scope(ParseContext(), frozenset(["$expr"]), False, False, True, 3, ["$near"])
    deeper = scope.deeper()
    assert deeper.depth == 4
    for field in fields(Scope):
        assert field.name == "depth" or getattr(deeper, field.name) is getattr(scope, field.name)
