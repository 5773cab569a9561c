"""The parsers of `$filter`, `$map` and `$reduce`. The module `_iteration` contains the expression nodes.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/filter/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/map/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/reduce/
"""

from __future__ import annotations

from typing import Any, NoReturn

from secantus_server.bson import type_name
from secantus_server.differences import ARRAY_INDEX_AS
from secantus_server.errors import CommandError
from secantus_server.mql.context import Cell, ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.arrays._iteration import Filter, Map, Reduce
from secantus_server.mql.expressions.named_arguments import Signature
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.numbers.integers import to_int32
from secantus_server.mql.expressions.parser import fold, parse_expression
from secantus_server.mql.expressions.paths import validate_variable_name
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.expressions.value_text import value_text

NO_LIMIT = -1
# The arguments that exist only since MongoDB 8.3.
_MORE = frozenset(["arrayIndexAs"])
_MORE_OF_REDUCE = frozenset(["as", "arrayIndexAs", "valueAs"])
FILTER = Signature(
    not_object=(28646, "$filter only supports an object as its argument"),
    unknown=(28647, "Unrecognized parameter to $filter: {name}"),
    required={
        "input": (28648, "Missing 'input' parameter to $filter"),
        "cond": (28650, "Missing 'cond' parameter to $filter"),
    },
    optional={"as": "this", "limit": None},
)
MAP = Signature(
    not_object=(16878, "$map only supports an object as its argument"),
    unknown=(16879, "Unrecognized parameter to $map: {name}"),
    required={
        "input": (16880, "Missing 'input' parameter to $map"),
        "in": (16882, "Missing 'in' parameter to $map"),
    },
    optional={"as": "this"},
)
REDUCE = Signature(
    not_object=(40075, "$reduce requires an object as an argument, found: {found}"),
    unknown=(40076, "$reduce found an unknown argument: {name}"),
    required={
        "input": (40077, "$reduce requires 'input' to be specified"),
        "initialValue": (40078, "$reduce requires 'initialValue' to be specified"),
        "in": (40079, "$reduce requires 'in' to be specified"),
    },
)


@operator_parser("$filter")
def parse_filter(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$filter: {input, cond, as, limit}}`.

    Raises:
        CommandError: 28646 to 28650 for a malformed argument, 9 for an invalid variable name.
    """
    given = _checked(FILTER, argument, ctx)
    source, cell = parse_expression(given["input"], ctx), Cell()
    cells, index = _cells(given, cell, ctx)
    body = parse_expression(given["cond"], ctx.child(**cells))
    limit = parse_expression(given["limit"], ctx) if "limit" in given else None
    return fold(Filter(source, cell, body, _refuse_filter, index, limit, _limit))


@operator_parser("$map")
def parse_map(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$map: {input, as, in}}`.

    Raises:
        CommandError: 16878 to 16882 for a malformed argument, 9 for an invalid variable name.
    """
    given = _checked(MAP, argument, ctx)
    source, cell = parse_expression(given["input"], ctx), Cell()
    cells, index = _cells(given, cell, ctx)
    body = parse_expression(given["in"], ctx.child(**cells))
    return fold(Map(source, cell, body, _refuse_map, index))


@operator_parser("$reduce")
def parse_reduce(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$reduce: {input, initialValue, in}}`.

    Raises:
        CommandError: 40075 to 40079 for a malformed argument.
    """
    given = _checked(REDUCE, argument, ctx)
    source, initial = parse_expression(given["input"], ctx), parse_expression(given["initialValue"], ctx)
    cell, total = Cell(), Cell()
    cells, index = _cells(given, cell, ctx)
    cells[_variable(given, "valueAs", "value")] = total
    if "valueAs" not in given and index is not None:
        cells["VALUE"] = total
    body = parse_expression(given["in"], ctx.child(**cells))
    return fold(Reduce(source, cell, body, _refuse_reduce, index, total, initial))


def _checked(signature: Signature, argument: Any, ctx: ParseContext) -> dict[str, Any]:
    """Validate an operator's argument against its signature and return it. Some field names are valid only since MongoDB 8.3.

    Raises:
        CommandError: the signature's errors.
    """
    if type(argument) is dict and ctx.release.has(ARRAY_INDEX_AS):
        more = _MORE_OF_REDUCE if signature is REDUCE else _MORE
        signature.check({name: value for name, value in argument.items() if name not in more})
        return argument
    return signature.check(argument)


def _cells(given: dict[str, Any], cell: Cell, ctx: ParseContext) -> tuple[dict[str, Cell], Cell | None]:
    """Return the variables that an operator binds, by name, and the cell that contains the element's index.

    The variables are the current element and, if the emulated MongoDB release supports it, the element's index. Without an index
    variable, the second result is None.
    """
    cells = {_variable(given, "as", "this"): cell}
    if not ctx.release.has(ARRAY_INDEX_AS):
        return cells, None
    if "as" not in given:
        cells["THIS"] = cell
    index = Cell()
    cells[_variable(given, "arrayIndexAs", "") if "arrayIndexAs" in given else "IDX"] = index
    return cells, index


def _variable(given: dict[str, Any], option: str, default: str) -> str:
    """Return the variable name that an option defines, or the default. A value that is not a string counts as an empty name."""
    name = given.get(option, default)
    name = name if type(name) is str else ""
    validate_variable_name(name)
    return name


def _limit(value: Any) -> int:
    if is_nullish(value):
        return NO_LIMIT
    number = to_int32(value)
    if number is None:
        raise CommandError(327391, f"$filter: limit must be represented as a 32-bit integral value: {value_text(value)}")
    if number <= 0:
        raise CommandError(327392, f"$filter: limit must be greater than 0: {number}")
    return number


def _refuse_filter(value: Any) -> NoReturn:
    raise CommandError(28651, f"input to $filter must be an array not {type_name(value)}")


def _refuse_map(value: Any) -> NoReturn:
    raise CommandError(16883, f"input to $map must be an array not {type_name(value)}")


def _refuse_reduce(value: Any) -> NoReturn:
    raise CommandError(40080, f"$reduce requires that 'input' be an array, found: {value_text(value)}")
