"""The operators `$replaceOne`, `$replaceAll` and `$split`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/replaceOne/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/split/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.named_arguments import Signature
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import call
from secantus_server.mql.expressions.registry import operator, operator_parser
from secantus_server.mql.expressions.string_limit import checked_string
from secantus_server.mql.expressions.value_text import value_text


def _replace_parser(name: str, count: int) -> Callable[[Any, ParseContext], Expression]:
    """Return the parser for an operator that replaces occurrences of a string.

    Arguments:
        name: the operator's name, with its `$`.
        count: the maximum number of occurrences to replace, or -1 to replace all of them.
    """
    signature = Signature(
        not_object=(51751, f"{name} requires an object as an argument, found: {{found}}"),
        unknown=(51750, f"{name} found an unknown argument: {{name}}"),
        required={
            "input": (51749, f"{name} requires 'input' to be specified"),
            "find": (51748, f"{name} requires 'find' to be specified"),
            "replacement": (51747, f"{name} requires 'replacement' to be specified"),
        },
    )
    function = partial(_replace, name, count)

    def parse(argument: Any, ctx: ParseContext) -> Expression:
        return call(function, signature.parse(argument, ctx))

    return parse


def _replace(name: str, count: int, text: Any, find: Any, replacement: Any) -> str | None:
    for value, what, code in ((text, "input", 10503904), (find, "find", 10503901), (replacement, "replacement", 10503902)):
        if type(value) is not str and not is_nullish(value):
            raise CommandError(code, f"{name} requires that '{what}' be a string, found: {value_text(value)}")
    if is_nullish(text) or is_nullish(find) or is_nullish(replacement):
        return None
    return checked_string(str(text.replace(find, replacement, count)))


operator_parser("$replaceOne")(_replace_parser("$replaceOne", 1))
operator_parser("$replaceAll")(_replace_parser("$replaceAll", -1))


@operator("$split", arguments=2)
def split(text: Any, delimiter: Any) -> list[str] | None:
    """Split a string at a delimiter. Return null if either argument is null.

    Raises:
        CommandError: 40085, 40087 or 10503900 for an invalid argument.
    """
    if is_nullish(text) or is_nullish(delimiter):
        return None
    if type(text) is not str:
        raise CommandError(40085, f"$split requires an expression that evaluates to a string as a first argument, found: {type_name(text)}")
    if type(delimiter) is not str:
        found = type_name(delimiter)
        raise CommandError(10503900, f"$split requires an expression that evaluates to a string as a second argument, found: {found}")
    if not delimiter:
        raise CommandError(40087, "$split requires a non-empty separator")
    return text.split(delimiter)
