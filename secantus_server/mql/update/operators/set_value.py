"""The operators `$set` and `$setOnInsert`.

https://www.mongodb.com/docs/manual/reference/operator/update/set/
"""

from __future__ import annotations

from typing import Any

from secantus_server.mql.context import ParseContext
from secantus_server.mql.update._nodes import Leaf, SetLeaf
from secantus_server.mql.update.registry import modifier


@modifier("$set")
def parse_set(argument: Any, _path: str, _ctx: ParseContext) -> Leaf:
    """Parse `$set`, which replaces the value of a field. If the new value has the same bytes, the document counts as unchanged."""
    return SetLeaf(argument)


@modifier("$setOnInsert")
def parse_set_on_insert(argument: Any, _path: str, _ctx: ParseContext) -> Leaf:
    """Parse `$setOnInsert`, which sets the value of a field only if an upsert inserts the document."""
    return SetLeaf(argument, insert_only=True)
