"""`$unset`.

https://www.mongodb.com/docs/manual/reference/operator/update/unset/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import MISSING
from secantus_server.mql.context import ParseContext
from secantus_server.mql.update._nodes import Leaf, State
from secantus_server.mql.update.registry import modifier


def remove(_value: Any, _state: State) -> Any:
    """Remove the value. If it is an array element, the kernel replaces it with null."""
    return MISSING


@modifier("$unset")
def parse_unset(_argument: Any, _path: str, _ctx: ParseContext) -> Leaf:
    """Parse `$unset`, which removes a field. The argument is ignored, and a missing path is not an error."""
    return Leaf(remove, creates=False, lenient=True)
