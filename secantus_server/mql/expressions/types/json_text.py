"""The conversions between JSON strings and objects or arrays by `$convert`. They exist since MongoDB 8.3.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/toObject/
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from bson.int64 import Int64

from secantus_server.bson import int_value, is_number
from secantus_server.bson.numbers import INT64_MAX, INT64_MIN
from secantus_server.bson.values import UNDEFINED
from secantus_server.mql.expressions.types.failure import failure

_INVALID = "Input doesn't represent valid JSON"
# Integers with more digits are parsed as doubles. The limit is below Python's default limit for parsing an int. It changes no result,
# because such long integers become doubles anyway.
_MAX_DIGITS = 4000
# The escape sequences of a string. The group contains a surrogate that is not part of a pair.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)")


def parse_json(text: str, kind: type) -> Any:
    """Parse a JSON string and return the object or array. Extended JSON type wrappers are not interpreted.

    Arguments:
        kind: the requested type: dict for an object, list for an array.

    Raises:
        CommandError: 241 if the string is not valid JSON or does not contain the requested type.
    """
    try:
        _refuse_lone_surrogates(text)
        value = json.loads(text, parse_int=_integer, parse_float=_double, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise failure(_INVALID, f": {error}") from None
    if type(value) not in (dict, list):
        raise failure(f"{_INVALID}: Unexpected standalone value")
    if type(value) is not kind:
        raise failure(f"Input doesn't match expected type '{'object' if kind is dict else 'array'}'")
    return value


def _integer(digits: str) -> int | Int64 | float:
    number = float(digits) if len(digits) > _MAX_DIGITS else int(digits)
    return int_value(int(number)) if INT64_MIN <= number <= INT64_MAX else float(number)


def _double(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"number out of range: {digits}")
    return number


def _refuse_lone_surrogates(text: str) -> None:
    if "\\u" in text and any(escape[1] for escape in _ESCAPE.finditer(text)):
        raise ValueError("a surrogate that is not part of a pair")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"unexpected {name}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for name, _ in pairs:
        if "\0" in name:
            raise ValueError("Illegal embedded null byte")
    return dict(pairs)


def json_of(value: Any, text_of: Any) -> str:
    """Convert an object or array to a JSON string. Values of types that do not exist in JSON become strings.

    Arguments:
        text_of: converts a value of a type that does not exist in JSON to a string.
    """
    if type(value) is dict:
        return "{" + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{json_of(item, text_of)}" for name, item in value.items()) + "}"
    if type(value) is list:
        return "[" + ",".join(json_of(item, text_of) for item in value) + "]"
    if value is None or value is UNDEFINED:
        return "null"
    text = text_of(value)
    bare = type(value) is bool or (is_number(value) and math.isfinite(float(text)))
    return text if bare else json.dumps(text, ensure_ascii=False)
