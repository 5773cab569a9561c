"""The operator `$mod`. https://www.mongodb.com/docs/manual/reference/operator/query/mod/"""

from __future__ import annotations

from secantus_server.bson import is_number
from secantus_server.errors import CommandError
from secantus_server.mql.match._nodes import MatchExpression
from secantus_server.mql.match._predicates import Mod
from secantus_server.mql.match.numbers import truncate
from secantus_server.mql.match.registry import Clause, field_operator


@field_operator("$mod")
def parse_mod(clause: Clause) -> MatchExpression:
    """Parse `$mod: [divisor, remainder]`. Both numbers are truncated to integers."""
    argument = clause.argument
    if type(argument) is not list:
        raise CommandError(2, "malformed mod, needs to be an array")
    if len(argument) < 2:
        raise CommandError(2, "malformed mod, not enough elements")
    if len(argument) > 2:
        raise CommandError(2, "malformed mod, too many elements")
    for value, role in zip(argument, ("divisor", "remainder"), strict=True):
        if not is_number(value):
            raise CommandError(2, f"malformed mod, {role} not a number")
    divisor = truncate(argument[0], "malformed mod, divisor value is invalid")
    remainder = truncate(argument[1], "malformed mod, remainder value is invalid")
    if divisor == 0:
        raise CommandError(2, "divisor cannot be 0")
    return Mod(clause.path, divisor, remainder)
