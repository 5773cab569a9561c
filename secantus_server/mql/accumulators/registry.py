"""The registry of accumulators.

A module registers the parser of an accumulator with a decorator:

    @accumulator("$push")
    def parse_push(argument, ctx): ...      # returns an Accumulator
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from secantus_server.errors import CommandError
from secantus_server.mql.accumulators._states import State
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Expression


class Accumulator:
    """A parsed accumulator. `parse_accumulator` sets its attribute `name`.

    Arguments:
        expressions: the expressions that the accumulator evaluates for each document.
        start: creates the state of a new group.
    """

    name = ""

    def __init__(self, expressions: tuple[Expression, ...], start: Callable[[], State]) -> None:
        self.expressions = expressions
        self.start = start


AccumulatorParser = Callable[[Any, ParseContext], Accumulator]
ParserFunction = TypeVar("ParserFunction", bound=AccumulatorParser)

PARSERS: dict[str, AccumulatorParser] = {}


def accumulator(name: str) -> Callable[[ParserFunction], ParserFunction]:
    """Return a decorator that registers the parser of an accumulator.

    Arguments:
        name: the name of the accumulator, with its `$`.
    """

    def register(parser: ParserFunction) -> ParserFunction:
        assert name not in PARSERS, f"{name} is registered twice"
        PARSERS[name] = parser
        return parser

    return register


def parse_accumulator(name: str, argument: Any, ctx: ParseContext) -> Accumulator:
    """Parse an accumulator `{name: argument}`, which is the value of a field of `$group`.

    Raises:
        CommandError: 40237 if the argument is an array, even if the name is unknown. 15952 for an unknown name. Otherwise, the errors of
            the accumulator's own parser.
    """
    if type(argument) is list:
        raise CommandError(40237, f"The {name} accumulator is a unary operator")
    parser = PARSERS.get(name)
    if parser is not None:
        found = parser(argument, ctx)
        found.name = name
        return found
    raise CommandError(15952, f"unknown group operator '{name}'")
