"""The operator `$pop`.

https://www.mongodb.com/docs/manual/reference/operator/update/pop/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import is_number, to_decimal, type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.describe import describe_element, describe_value
from secantus_server.mql.update._nodes import UNCHANGED, Leaf, State
from secantus_server.mql.update.registry import modifier


@modifier("$pop")
def parse_pop(argument: Any, path: str, _ctx: ParseContext) -> Leaf:
    """Parse `$pop`, which removes the last element (argument 1) or the first element (argument -1) of an array.

    Raises:
        CommandError: 9 for any other argument.
    """
    from_front = _parse_end(argument, path)

    def modify(old: Any, _state: State) -> Any:
        if type(old) is not list:
            raise CommandError(14, f"Path '{path}' contains an element of non-array type '{type_name(old)}'")
        if not old:
            return UNCHANGED
        return old[1:] if from_front else old[:-1]

    return Leaf(modify, creates=False)


def _parse_end(argument: Any, path: str) -> bool:
    if not is_number(argument):
        raise CommandError(9, f"Expected a number in: {describe_element(path, argument)}")
    number = to_decimal(argument)
    if not number.is_finite() or number != int(number):
        raise CommandError(9, f"Expected an integer: {describe_element(path, argument)}")
    if number not in (1, -1):
        raise CommandError(9, f"$pop expects 1 or -1, found: {describe_value(argument)}")
    return number == -1
