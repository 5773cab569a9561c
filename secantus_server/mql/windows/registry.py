"""The registry of window functions, and the parser of the fields in `output`. A module registers the parser of a window function:

    @window_function("$rank")
    def parse_rank(call, ctx): ...      # returns a WindowFunction

A name that is not registered refers to an accumulator of `$group`, which is evaluated over the window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from secantus_server.differences import MERGE_OBJECTS_WINDOW
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.accumulators import parse_accumulator
from secantus_server.mql.accumulators.registry import PARSERS as ACCUMULATORS
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions.dates.add import Addition, add_units, date_addition
from secantus_server.mql.windows.bounds import Bounds, parse_bounds
from secantus_server.mql.windows.partition import Partition, SortOrder
from secantus_server.mql.windows.window_accumulator import WindowAccumulator


class WindowFunction(Protocol):
    """A parsed window function."""

    def compute(self, partition: Partition) -> list[Any]:
        """Return the result for each document of a partition."""
        ...


@dataclass(frozen=True)
class Call:
    """A window function in `output`, split into its parts but not yet parsed.

    Arguments:
        name: the function's name, with its `$`.
        argument: the function's argument.
        window: the function's `window`, or None.
        order: the sort order of the stage.
        others: the names in the field's document other than the function and `window`, which are invalid.
        add_time: adds units of time to a date.
    """

    name: str
    argument: Any
    window: Any
    order: SortOrder
    others: tuple[str, ...] = ()
    add_time: Addition = add_units

    def bounds(self) -> Bounds:
        """Parse the window and return its bounds. Without a window, the bounds include the whole partition.

        Raises:
            CommandError: the errors of an invalid window.
        """
        return Bounds() if self.window is None else parse_bounds(self.window, self.order, self.add_time)


FunctionParser = Callable[[Call, ParseContext], WindowFunction]
ParserFunction = TypeVar("ParserFunction", bound=FunctionParser)

PARSERS: dict[str, FunctionParser] = {}
# The accumulators with their own syntax of arguments. As the argument of any other window function, an array is an array expression.
OWN_SYNTAX = frozenset(
    ["$count", "$firstN", "$lastN", "$minN", "$maxN", "$top", "$topN", "$bottom", "$bottomN", "$median", "$percentile", "$accumulator"]
)
NOT_WINDOWED = frozenset(["$mergeObjects", "$accumulator"])
UNSUPPORTED: dict[str, str] = {}


def window_function(name: str) -> Callable[[ParserFunction], ParserFunction]:
    """Return a decorator that registers the parser of a window function.

    Arguments:
        name: the function's name, with its `$`.
    """

    def register(parser: ParserFunction) -> ParserFunction:
        assert name not in PARSERS, f"{name} is registered twice"
        PARSERS[name] = parser
        return parser

    return register


def parse_window_field(field: str, spec: Any, order: SortOrder, ctx: ParseContext) -> WindowFunction:
    """Parse a field of `output`, which has the form `field: {$function: argument, window: {...}}`.

    Arguments:
        field: the field's name.
        spec: the field's value in `output`.
        order: the sort order of the stage.
        ctx: the context, with the variables in scope, the collation and the limits.

    Raises:
        CommandError: 9 for a malformed field or an unknown function, and the errors of the function.
    """
    call = _parse_call(field, spec, order, date_addition(ctx))
    own = PARSERS.get(call.name)
    if own is not None:
        return own(call, ctx)
    if call.name in UNSUPPORTED:
        raise not_supported(f"The window function {call.name}", UNSUPPORTED[call.name])
    if call.name not in ACCUMULATORS or (call.name in NOT_WINDOWED and not _is_windowed(call.name, ctx)):
        raise CommandError(9, f"Unrecognized window function, {call.name}")
    check_others(field, call)
    argument = call.argument if call.name in OWN_SYNTAX else as_expression(call.argument)
    bounds = call.bounds()
    return WindowAccumulator(parse_accumulator(call.name, argument, ctx).start, bounds)


def _is_windowed(name: str, ctx: ParseContext) -> bool:
    return name == "$mergeObjects" and ctx.release.has(MERGE_OBJECTS_WINDOW)


def as_expression(argument: Any) -> Any:
    """Prepare an argument so that it is parsed as a single expression. An array is wrapped, because otherwise it would be parsed as a
    list of arguments.
    """
    return {"$let": {"vars": {}, "in": argument}} if type(argument) is list else argument


def check_others(field: str, call: Call) -> None:
    """Raise an error if a field of `output` has keys other than one function and its window.

    Arguments:
        field: the field's name, for the error message.
        call: the window function.

    Raises:
        CommandError: 9.
    """
    if call.others:
        raise CommandError(9, f"Window function found an unknown argument: {call.others[0]} in field '{field}'")


def _parse_call(field: str, spec: Any, order: SortOrder, add_time: Addition) -> Call:
    if type(spec) is not dict:
        raise CommandError(9, f"The field '{field}' must be an object")
    names = [name for name in spec if name.startswith("$")]
    if not names:
        raise CommandError(9, f"Expected a $-prefixed window function in field '{field}'")
    if "window" in spec and spec["window"] is None:
        raise CommandError(9, "'window' field must be an object, but found type null")
    others = tuple(name for name in spec if name not in (names[0], "window"))
    return Call(names[0], spec[names[0]], spec.get("window"), order, others, add_time)
