"""The operators `$trim`, `$ltrim` and `$rtrim`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/trim/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from secantus_server.bson import type_name
from secantus_server.differences import TRIM_LIMIT
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.named_arguments import Signature
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import call
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.expressions.value_text import value_text

#: The maximum length of `chars` since MongoDB 8.3.
MAX_CHARACTERS = 4096
# https://www.mongodb.com/docs/manual/reference/operator/aggregation/trim/#whitespace-characters
WHITESPACE = "\0 \t\n\v\f\r\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))


def _trim_parser(name: str, strip: Callable[[str, str], str]) -> Callable[[Any, ParseContext], Expression]:
    """Return the parser for an operator that trims a string.

    Arguments:
        name: the operator's name, with its `$`.
        strip: trims a string, given the string and the characters to remove.
    """
    signature = Signature(
        not_object=(50696, f"{name} only supports an object as an argument, found {{found}}"),
        unknown=(50694, f"{name} found an unknown argument: {{name}}"),
        required={"input": (50695, f"{name} requires an 'input' field")},
        optional={"chars": WHITESPACE},
    )
    function = partial(_trim, name, strip)

    def limited(text: Any, characters: Any) -> str | None:
        if type(text) is str and type(characters) is str and len(characters) > MAX_CHARACTERS:
            raise CommandError(2, f"{name} 'chars' has {len(characters)} characters; the limit is {MAX_CHARACTERS}")
        return function(text, characters)

    def parse(argument: Any, ctx: ParseContext) -> Expression:
        return call(limited if ctx.release.has(TRIM_LIMIT) else function, signature.parse(argument, ctx))

    return parse


def _trim(name: str, strip: Callable[[str, str], str], text: Any, characters: Any) -> str | None:
    if is_nullish(text):
        return None
    if type(text) is not str:
        raise CommandError(50699, f"{name} requires its input to be a string, got {value_text(text)} (of type {type_name(text)}) instead.")
    if is_nullish(characters):
        return None
    if type(characters) is not str:
        found = f"got {value_text(characters)} (of type {type_name(characters)}) instead."
        raise CommandError(50700, f"{name} requires 'chars' to be a string, {found}")
    return strip(text, characters)


for _name, _strip in (("$trim", str.strip), ("$ltrim", str.lstrip), ("$rtrim", str.rstrip)):
    operator_parser(_name)(_trim_parser(_name, _strip))
