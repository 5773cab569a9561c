"""createSearchIndexes, updateSearchIndex, dropSearchIndex: refused, as by any MongoDB server outside Atlas.

https://www.mongodb.com/docs/manual/reference/command/createSearchIndexes/
"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.pipeline.stages.search import ListSearchIndexes

SEARCH_NOT_ENABLED = 31082
_TEXT = ListSearchIndexes.refusal


@command("createSearchIndexes", lenient=True, privileges=on_collection("createSearchIndexes"))
def create_search_indexes(request: Request, args: dict[str, Any]) -> Reply:
    """Refuse to create search indexes."""
    raise CommandError(SEARCH_NOT_ENABLED, _TEXT)


@command("updateSearchIndex", lenient=True, privileges=on_collection("updateSearchIndex"))
def update_search_index(request: Request, args: dict[str, Any]) -> Reply:
    """Refuse to update a search index."""
    raise CommandError(SEARCH_NOT_ENABLED, _TEXT)


@command("dropSearchIndex", lenient=True, privileges=on_collection("dropSearchIndex"))
def drop_search_index(request: Request, args: dict[str, Any]) -> Reply:
    """Refuse to drop a search index."""
    raise CommandError(SEARCH_NOT_ENABLED, _TEXT)
