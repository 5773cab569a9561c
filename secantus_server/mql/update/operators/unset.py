"""The operator `$unset`.

https://www.mongodb.com/docs/manual/reference/operator/update/unset/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import MISSING
from secantus_server.mql.context import ParseContext
from secantus_server.mql.update._nodes import Leaf, State
from secantus_server.mql.update.registry import modifier


def remove(_value: Any, _state: State) -> Any:
    """Return the marker that removes a value. If the value is an array element, the update tree replaces it with null instead."""
    return MISSING


@modifier("$unset")
def parse_unset(_argument: Any, _path: str, _ctx: ParseContext) -> Leaf:
    """Parse `$unset`, which removes a field if it exists. The argument is ignored."""
    return Leaf(remove, creates=False, lenient=True)
