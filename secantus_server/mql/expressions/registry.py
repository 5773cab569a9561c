"""Where expression operators register themselves, and how a name is looked up.

An operator is written once, in the file of its family:

    @operator("$strLenCP", arguments=1)
    def str_len_cp(value): ...                     # a plain function of evaluated arguments

    @operator("$round", arguments=(1, 2))
    def round_(value, place=0): ...                # between one and two; (1, None) has no upper bound

    @operator_parser("$cond")
    def parse_cond(argument, ctx): ...             # own syntax or lazy arguments: returns an Expression

Missing arguments arrive as `values.MISSING`. A plain function must be pure: with constant arguments it is called once,
when the expression is parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from secantus_server.errors import CommandError, not_supported

if TYPE_CHECKING:
    from secantus_server.mql.context import ParseContext
    from secantus_server.mql.expressions._nodes import Expression

Function = TypeVar("Function", bound=Callable[..., Any])
OperatorParser = Callable[[Any, "ParseContext"], "Expression"]
ParserFunction = TypeVar("ParserFunction", bound=OperatorParser)

PARSERS: dict[str, OperatorParser] = {}


def operator(name: str, *, arguments: int | tuple[int, int | None]) -> Callable[[Function], Function]:
    """Registers a plain function of evaluated arguments.

    Arguments:
        name: the operator with its `$`.
        arguments: how many it takes: exactly n, or (least, most) with None for no upper bound.
    """
    minimum, maximum = arguments if isinstance(arguments, tuple) else (arguments, arguments)

    def register(function: Function) -> Function:
        def parse(argument: Any, ctx: ParseContext) -> Expression:
            # The parser looks operators up in this module, which it therefore imports first.
            from secantus_server.mql.expressions.parser import call, parse_arguments

            return call(function, parse_arguments(name, argument, ctx, minimum, maximum))

        _add(name, parse)
        return function

    return register


def operator_parser(name: str) -> Callable[[ParserFunction], ParserFunction]:
    """Registers the parser of an operator that has its own syntax or evaluates its arguments lazily.

    Arguments:
        name: the operator with its `$`.
    """

    def register(parser: ParserFunction) -> ParserFunction:
        _add(name, parser)
        return parser

    return register


def find_parser(name: str) -> OperatorParser:
    """The parser of an operator.

    Raises:
        CommandError: 168 if MongoDB has no such operator, 238 if it has one that we lack.
    """
    parser = PARSERS.get(name)
    if parser is not None:
        return parser
    if name in UNSUPPORTED:
        raise not_supported(f"The expression operator {name}", UNSUPPORTED[name])
    raise CommandError(168, f"Unrecognized expression '{name}'")


def _add(name: str, parser: OperatorParser) -> None:
    """Enters a parser; two of one name are our mistake."""
    assert name not in PARSERS, f"two parsers for {name}"
    assert name not in UNSUPPORTED, f"{name} is listed as unsupported"
    PARSERS[name] = parser


# What MongoDB has and Secantus does not, with what to do instead.
_IN_THE_CLIENT = "compute the value in the client"
UNSUPPORTED: dict[str, str] = {
    "$accumulator": "server-side JavaScript does not run here; write the computation with other accumulators",
    "$bottom": "sort the array with $sortArray and take its last element",
    "$bottomN": "sort the array with $sortArray and take a $slice of it",
    "$createObjectId": _IN_THE_CLIENT,
    "$createUUID": _IN_THE_CLIENT,
    "$currentDate": "use the variable $$NOW",
    "$deserializeEJSON": _IN_THE_CLIENT,
    "$encStrContains": "encrypted fields cannot be searched here",
    "$encStrEndsWith": "encrypted fields cannot be searched here",
    "$encStrNormalizedEq": "encrypted fields cannot be searched here",
    "$encStrStartsWith": "encrypted fields cannot be searched here",
    "$function": "server-side JavaScript does not run here; write the computation with other expressions",
    "$hash": _IN_THE_CLIENT,
    "$hexHash": _IN_THE_CLIENT,
    "$serializeEJSON": _IN_THE_CLIENT,
    "$similarityCosine": "write it with $reduce, $zip and $multiply",
    "$similarityDotProduct": "write it with $reduce, $zip and $multiply",
    "$similarityEuclidean": "write it with $reduce, $zip and $multiply",
    "$subtype": _IN_THE_CLIENT,
    "$toArray": "use $objectToArray for documents",
    "$toObject": "use $arrayToObject for arrays",
    "$top": "sort the array with $sortArray and take its first element",
    "$topN": "sort the array with $sortArray and take a $slice of it",
}
