"""The maximum size of a string in an expression: one byte less than 16 megabytes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mql.expressions.evaluation import evaluate, parse_error_of

LIMIT = 16 * 1024 * 1024
HALF = "a" * (LIMIT // 2)


@pytest.mark.parametrize(
    "spec",
    [
        {"$strLenBytes": "a" * LIMIT},
        {"$strLenCP": "é" * (LIMIT // 2)},
        {"$literal": "😀" * (LIMIT // 4)},
        {"$concat": [HALF, HALF]},
        {"$replaceAll": {"input": HALF, "find": "a", "replacement": "bb"}},
    ],
    ids=["literal", "two bytes", "four bytes", "concat", "replaceAll"],
)
def test_too_long(spec: Any) -> None:
    assert parse_error_of(spec)[0] == 16493


def test_just_short_enough() -> None:
    assert evaluate({"$strLenBytes": {"$concat": [HALF, HALF[1:]]}}) == LIMIT - 1
