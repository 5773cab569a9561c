"""The operator `$function`, which calls a JavaScript function with evaluated arguments.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/function/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.javascript import Function
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.parser import parse_expression
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.scripts import script_engine, source_of


class FunctionCall(Expression):
    """The expression node of `$function`, which calls a JavaScript function.

    Arguments:
        function: the compiled function.
        args: the expression for the array of arguments.
    """

    def __init__(self, function: Function, args: Expression) -> None:
        self._function = function
        self._args = args

    def children(self) -> tuple[Expression, ...]:
        """Return the expression for the array of arguments."""
        return (self._args,)

    def evaluate(self, doc: bytes) -> Any:
        """Call the function and return its result.

        Raises:
            CommandError: 31266 if the arguments are not an array, 139 if the function throws.
        """
        args = self._args.evaluate(doc)
        if type(args) is not list:
            raise CommandError(31266, "The args field must be of type array")
        return self._function(*args)


@operator_parser("$function")
def parse_function(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `{$function: {body, args, lang}}`.

    Raises:
        CommandError: 31260 to 31263, 31418, 31419 and 31432 for malformed arguments, 139 for a syntax error in the body, and the errors
            of `script_engine`.
    """
    if type(argument) is not dict:
        raise CommandError(31260, f"$function requires an object as an argument, found: {type_name(argument)}")
    for name, code in (("body", 31261), ("args", 31263), ("lang", 31418)):
        if name not in argument:
            raise CommandError(code, f"The {'body function' if name == 'body' else name + ' field'} must be specified.")
    body = parse_expression(argument["body"], ctx)
    if not isinstance(body, Constant):
        raise CommandError(31432, "The body function must be a constant expression")
    source = source_of(body.value)
    if source is None:
        raise CommandError(31262, "The body function must evaluate to a string or code")
    args = parse_expression(argument["args"], ctx)
    if argument["lang"] != "js":
        raise CommandError(31419, "Currently the only supported language specifier is 'js'.")
    return FunctionCall(script_engine("$function", ctx).function(source), args)
