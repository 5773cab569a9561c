"""The registry of expression operators.

Each operator is registered with a decorator, in the module of its operator family:

    @operator("$strLenCP", arguments=1)
    def str_len_cp(value): ...                     # a plain function of evaluated arguments

    @operator("$round", arguments=(1, 2))
    def round_(value, place=0): ...                # one or two arguments; (1, None) has no upper bound

    @operator_parser("$cond")
    def parse_cond(argument, ctx): ...             # own syntax or lazy arguments: returns an Expression

    @operator("$subtype", arguments=1, since="8.3")
    def subtype(value): ...                        # unknown to earlier releases of MongoDB

A missing argument is passed as `values.MISSING`. A plain function must be pure, because it is called only once, during parsing, if its
arguments are constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from secantus_server.errors import CommandError, not_supported
from secantus_server.modules import RUNNING, import_late, settle
from secantus_server.version import Release

if TYPE_CHECKING:
    from secantus_server.mql.context import ParseContext
    from secantus_server.mql.expressions._nodes import Expression

Function = TypeVar("Function", bound=Callable[..., Any])
OperatorParser = Callable[[Any, "ParseContext"], "Expression"]
ParserFunction = TypeVar("ParserFunction", bound=OperatorParser)


class PlainOperator(NamedTuple):
    """An operator that is a pure function of its evaluated arguments. `maximum` is None if the number of arguments has no upper bound."""

    function: Callable[..., Any]
    minimum: int
    maximum: int | None


class LaterOperator(NamedTuple):
    """An operator that MongoDB introduced after the oldest release that the server can emulate."""

    since: str
    found: PlainOperator | OperatorParser


OPERATORS: dict[str, PlainOperator | OperatorParser] = {}
LATER: dict[str, LaterOperator] = {}

#: The modules that register operators. They are imported when an operator is first looked up, because many tests never use an expression.
MODULES: list[str] = []


def import_operators() -> None:
    """Import the modules that register operators."""
    for module in MODULES:
        import_late(module)


def operator(name: str, *, arguments: int | tuple[int, int | None], since: str | None = None) -> Callable[[Function], Function]:
    """Return a decorator that registers an operator as a plain function of its evaluated arguments.

    Arguments:
        name: the operator's name, with its `$`.
        arguments: the number of arguments, which is either exactly n or (minimum, maximum). A maximum of None means no upper bound.
        since: the version of MongoDB that introduced the operator; None if the oldest supported release has the operator.
    """
    minimum, maximum = arguments if isinstance(arguments, tuple) else (arguments, arguments)

    def register(function: Function) -> Function:
        _add(name, PlainOperator(function, minimum, maximum), since)
        return function

    return register


def operator_parser(name: str, *, since: str | None = None) -> Callable[[ParserFunction], ParserFunction]:
    """Return a decorator that registers the parser of an operator. It is for operators with their own syntax or with lazily evaluated
    arguments.

    Arguments:
        name: the operator's name, with its `$`.
        since: as for `operator`.
    """

    def register(parser: ParserFunction) -> ParserFunction:
        _add(name, parser, since)
        return parser

    return register


def find_operator(name: str, release: Release) -> PlainOperator | OperatorParser:
    """Look up an operator that exists in a given MongoDB release.

    Raises:
        CommandError: 168 if MongoDB has no such operator, 238 if Secantus does not support it.
    """
    if RUNNING:
        settle()
    found = OPERATORS.get(name)
    if found is None:
        import_operators()
        found = OPERATORS.get(name)
    if found is not None:
        return found
    later = LATER.get(name)
    if later is not None and release.knows(later.since):
        return later.found
    if name in UNSUPPORTED:
        raise not_supported(f"The expression operator {name}", UNSUPPORTED[name])
    raise CommandError(168, f"Unrecognized expression '{name}'")


def _add(name: str, found: PlainOperator | OperatorParser, since: str | None) -> None:
    """Add an operator to the registry. The name must not be registered yet."""
    assert name not in OPERATORS, f"{name} is registered twice"
    assert name not in LATER, f"{name} is registered twice"
    assert name not in UNSUPPORTED, f"{name} is listed as unsupported"
    if since is None:
        OPERATORS[name] = found
    else:
        LATER[name] = LaterOperator(since, found)


# The operators of MongoDB that Secantus does not support, each with the alternative that the error suggests.
_IN_THE_CLIENT = "compute the value in the client"
UNSUPPORTED: dict[str, str] = {
    "$bottom": "sort the array with $sortArray and take its last element",
    "$bottomN": "sort the array with $sortArray and take a $slice of it",
    "$createUUID": _IN_THE_CLIENT,
    "$encStrContains": "encrypted fields cannot be searched here",
    "$encStrEndsWith": "encrypted fields cannot be searched here",
    "$encStrNormalizedEq": "encrypted fields cannot be searched here",
    "$encStrStartsWith": "encrypted fields cannot be searched here",
    "$similarityCosine": "write it with $reduce, $zip and $multiply",
    "$similarityDotProduct": "write it with $reduce, $zip and $multiply",
    "$similarityEuclidean": "write it with $reduce, $zip and $multiply",
    "$top": "sort the array with $sortArray and take its first element",
    "$topN": "sort the array with $sortArray and take a $slice of it",
}
