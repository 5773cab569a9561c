"""`$indexStats`: returns usage counts of indexes.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/indexStats/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import encode
from secantus_server.errors import CommandError
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage


@stage("$indexStats")
class IndexStats(Stage):
    """A parsed `$indexStats`, which describes the indexes of the pipeline's collection."""

    position = Position.FIRST
    in_facet = False
    stable_api = False

    def __init__(self, ctx: PipelineContext) -> None:
        super().__init__()
        self.ctx = ctx

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> IndexStats:
        """Parse `{$indexStats: {}}`.

        Raises:
            CommandError: 28803 if the argument is not an empty document.
        """
        if spec != {} or type(spec) is not dict:
            raise CommandError(28803, "The $indexStats stage specification must be an empty object")
        return cls(ctx)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield one document for each index of the collection. For a view, use the underlying collection."""
        assert self.ctx.collection is not None, "the parser has checked that there is a collection"
        server = self.ctx.host
        host = server.address()
        target = server.target(self.ctx.db, self.ctx.collection)
        collection = self.ctx.collection
        if target is not None and target.kind == "view":
            collection = server.resolve(self.ctx.db, collection).collection
        for stats in server.index_stats(self.ctx.db, collection):
            yield encode({"name": stats["name"], "key": stats["key"], "host": host, "accesses": stats["accesses"], "spec": stats["spec"]})
