"""`$meta`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mql.expressions.evaluation import evaluate, parse_error_of, same


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$type": {"$meta": "searchScore"}}, "missing"),
    ],
)
def test_values(spec: Any, expected: Any) -> None:
    assert same(evaluate(spec, {"v": [1, 2, 3]}), expected)


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"$meta": 1}, 17307),
        ({"$meta": "nothing"}, 17308),
        ({"$meta": "textScore"}, 40218),
        ({"$meta": "indexKey"}, 238),
    ],
)
def test_errors(spec: Any, code: int) -> None:
    assert parse_error_of(spec)[0] == code


def test_the_random_value_of_documents_that_were_not_sampled() -> None:
    assert evaluate({"$type": {"$meta": "randVal"}}) == "missing"
