"""`$listSearchIndexes`: returns the definitions and states of a collection's search indexes.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/listSearchIndexes/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secantus_server.bson import encode
from secantus_server.errors import CommandError
from secantus_server.pipeline.arguments import named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage
from secantus_server.pipeline.stages.search import SearchStage

NAME = "$listSearchIndexes"


@stage(NAME)
class ListSearchIndexes(SearchStage):
    """A parsed `$listSearchIndexes`.

    Arguments:
        wanted: the `id` or `name` of the only index to return, or an empty document for all indexes.
        ctx: the context of the pipeline, or None if search indexes are not enabled.
    """

    local_read_concern_only = True
    refusal = (
        "Using Atlas Search Database Commands and the $listSearchIndexes aggregation stage requires additional configuration. "
        "Please connect to Atlas or an AtlasCLI local deployment to use them."
    )

    def __init__(self, wanted: dict[str, Any] | None = None, ctx: PipelineContext | None = None) -> None:
        super().__init__(ctx)
        self.wanted = wanted or {}

    @classmethod
    def parse_enabled(cls, spec: Any, ctx: PipelineContext) -> Stage:
        """Parse `{$listSearchIndexes: {id, name}}`.

        Raises:
            CommandError: 9, 14, 40415 for a malformed argument.
        """
        if type(spec) is not dict:
            raise CommandError(14, f"The {NAME} stage specification must be an object")
        wanted = named_fields(NAME, spec, {"id": ("string",), "name": ("string",)})
        if len(wanted) > 1:
            raise CommandError(9, f"{NAME} takes an id or a name, not both")
        return cls(wanted, ctx)

    def results(self, ctx: PipelineContext, collection: str) -> Iterator[bytes]:
        """Return one document for each selected search index."""
        found = ctx.host.search_indexes(ctx.db, collection)
        return (encode(one) for one in found if all(one[name] == value for name, value in self.wanted.items()))
