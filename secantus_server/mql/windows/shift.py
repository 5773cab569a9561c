"""The window function `$shift`, which returns a value from the document at a fixed offset in the partition.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/shift/
"""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.bson import encode, type_name
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.windows.partition import Partition
from secantus_server.mql.windows.registry import Call, check_others, window_function

EMPTY_DOCUMENT = encode({})


class Shift:
    """A parsed `$shift`.

    Arguments:
        output: the expression that is evaluated for the document at the offset.
        by: the offset, counted in documents; negative for preceding documents.
        default: the result if there is no document at the offset.
    """

    def __init__(self, output: Expression, by: int, default: Any) -> None:
        self.output = output
        self.by = by
        self.default = default

    def compute(self, partition: Partition) -> list[Any]:
        """Return the result for each document of a partition."""
        values = [self.output.evaluate(document) for document in partition.documents]
        values = [None if value is MISSING else value for value in values]
        places = range(self.by, self.by + len(values))
        return [values[place] if 0 <= place < len(values) else self.default for place in places]


@window_function("$shift")
def parse_shift(call: Call, ctx: ParseContext) -> Shift:
    """Parse the argument of `$shift`, which is `{output, by, default}`.

    Raises:
        CommandError: 9 for a malformed argument, and the errors of the expressions.
    """
    check_others("$shift", call)
    if call.window is not None:
        raise CommandError(9, "$shift does not accept a 'window' field")
    if type(call.argument) is not dict:
        raise CommandError(9, f"Argument to $shift must be an object, but found {type_name(call.argument)}")
    for name in call.argument:
        if name not in ("output", "by", "default"):
            raise CommandError(9, f"Unknown argument in $shift: {name}")
    if "output" not in call.argument:
        raise CommandError(9, "$shift requires an 'output' expression.")
    by = call.argument.get("by")
    if type(by) is not int and type(by) is not Int64 and not (type(by) is float and by.is_integer()):
        raise CommandError(9, "$shift requires 'by' as an integer value.")
    if not call.order.spec:
        raise CommandError(9, "$shift requires a sortBy")
    return Shift(parse_expression(call.argument["output"], ctx), int(by), _default(call.argument, ctx))


def _default(argument: dict[str, Any], ctx: ParseContext) -> Any:
    expression = parse_expression(argument.get("default"), ctx)
    if not expression.is_constant:
        raise CommandError(9, "'$shift:default' expression must yield a constant value.")
    value = expression.evaluate(EMPTY_DOCUMENT)
    return None if value is MISSING else value
