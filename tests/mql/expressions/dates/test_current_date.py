"""`$currentDate`: the time of the evaluation."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson import encode
from secantus_server.bson.values import Date
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import parse_expression


def test_each_evaluation_reads_the_clock() -> None:
    times = iter([5, 7])
    expression = parse_expression({"$currentDate": {}}, ParseContext(clock_ms=lambda: next(times)))
    assert [expression.evaluate(encode({})) for _ in range(2)] == [Date(5), Date(7)]


@pytest.mark.parametrize(("argument", "code"), [(1, 10065), ([], 10065), ({"a": 1}, 9)])
def test_errors(argument: Any, code: int) -> None:
    with pytest.raises(CommandError) as caught:
        parse_expression({"$currentDate": argument}, ParseContext(clock_ms=lambda: 0))
    assert caught.value.code == code


def test_without_a_clock() -> None:
    with pytest.raises(CommandError) as caught:
        parse_expression({"$currentDate": {}}, ParseContext())
    assert caught.value.code == 51144
