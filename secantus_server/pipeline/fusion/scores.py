"""Conversion, normalization and weighting of scores.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/score/
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from secantus_server.bson import is_number, type_name
from secantus_server.bson.numbers import to_float
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.numbers.powers import sigmoid
from secantus_server.mql.expressions.value_text import value_text
from secantus_server.pipeline.arguments import NUMBERS, check_type

NORMALIZATIONS = ("none", "sigmoid", "minMaxScaler")


def score_value(stage: str, value: Any) -> float:
    """Return the result of a score expression as a double.

    Arguments:
        stage: the name of the stage, for the error message.
        value: the result of the expression.

    Raises:
        CommandError: 14 for a value that is not a number.
    """
    if not is_number(value):
        raise CommandError(14, f"{stage} only supports numeric scores, not {type_name(value)}")
    return to_float(value)


def expression_text(expression: Any) -> str:
    """Return a user's expression as text in the format of scoreDetails, such as `{ string: { $add: [ '$a', 1 ] } }`."""
    return f"{{ string: {_text(expression)} }}"


def _text(value: Any) -> str:
    if type(value) is str:
        return f"'{value}'"
    if type(value) is dict:
        return "{ " + ", ".join(f"{name}: {_text(item)}" for name, item in value.items()) + " }" if value else "{}"
    if type(value) is list:
        return "[ " + ", ".join(map(_text, value)) + " ]" if value else "[]"
    return value_text(value)


def parse_normalization(path: str, value: Any) -> str:
    """Validate and return the name of a normalization.

    Raises:
        CommandError: 14 if the value is not a string, 2 if the name is unknown.
    """
    check_type(path, value, ("string",))
    if value not in NORMALIZATIONS:
        raise CommandError(2, f"Enumeration value '{value}' for field '{path}' is not a valid value.")
    return str(value)


def parse_weight(path: str, value: Any, most: float, code: int) -> float:
    """Validate a weight and return it as a float.

    Arguments:
        path: the path of the field, for error messages.
        value: the field's value.
        most: the greatest allowed weight.
        code: the error code for a weight that is out of range.

    Raises:
        CommandError: 14 if the value is not a number, `code` if it is out of range.
    """
    check_type(path, value, NUMBERS)
    weight = to_float(value)
    if not 0 <= weight <= most:
        allowed = "must be non-negative" if math.isinf(most) else f"must be between 0 and {most:g}"
        raise CommandError(code, f"The weight {path} {allowed}, but it is {weight:g}")
    return weight


def normalized(scores: list[float], normalization: str) -> list[float]:
    """Return the scores of a pipeline's documents after normalization."""
    if normalization == "minMaxScaler":
        low, high = min(scores, default=0.0), max(scores, default=0.0)
        return [0.0 if high == low else (score - low) / (high - low) for score in scores]
    return list(map(of_one(normalization), scores))


def of_one(normalization: str) -> Callable[[float], float]:
    """Return the function that normalizes a single score. `minMaxScaler` has no such function, because it depends on all scores."""
    assert normalization != "minMaxScaler", "it needs all scores"
    return sigmoid if normalization == "sigmoid" else _identity


def _identity(score: float) -> float:
    return score
