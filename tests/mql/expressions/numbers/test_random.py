"""`$rand`."""

from __future__ import annotations

import random
from typing import Any

import pytest

from secantus_server.mql.context import ParseContext
from tests.mql.expressions.evaluation import evaluate, parse_error_of


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"$rand": 1}, 10065),
        ({"$rand": {"a": 1}}, 3040501),
    ],
)
def test_errors(spec: Any, code: int) -> None:
    assert parse_error_of(spec)[0] == code


def test_rand_draws_from_the_contexts_randomness() -> None:
    expected = random.Random(7)
    ctx = ParseContext(random=random.Random(7))
    assert evaluate([{"$rand": {}}, {"$rand": []}], {}, ctx) == [expected.random(), expected.random()]
