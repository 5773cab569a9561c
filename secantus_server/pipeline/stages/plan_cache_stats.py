"""`$planCacheStats`: returns the cached plans of a collection.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/planCacheStats/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import encode, type_name
from secantus_server.errors import CommandError
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage


@stage("$planCacheStats")
class PlanCacheStats(Stage):
    """A parsed `$planCacheStats`, which returns the cached plans of the pipeline's collection."""

    position = Position.FIRST
    in_facet = False
    local_read_concern_only = True
    stable_api = False

    def __init__(self, ctx: PipelineContext) -> None:
        super().__init__()
        self.ctx = ctx

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> PlanCacheStats:
        """Parse `{$planCacheStats: {allHosts: bool}}`.

        Raises:
            CommandError: 9 if the argument is not a document, 13111 for an option that is not a bool, 4503200 for `allHosts: true`.
        """
        if type(spec) is not dict:
            raise CommandError(9, f"$planCacheStats value must be an object. Found: {type_name(spec)}")
        for name, value in spec.items():
            if name != "allHosts":
                raise CommandError(9, f"$planCacheStats parameters object may contain only 'allHosts'. Found: {name}")
            if type(value) is not bool:
                raise CommandError(13111, f"wrong type for field (allHosts) expected bool, found {type_name(value)}")
            if value:
                raise CommandError(4503200, "$planCacheStats stage supports allHosts parameter only for sharded clusters")
        return cls(ctx)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield one document for each cached plan.

        Raises:
            CommandError: 50933 if the collection does not exist.
        """
        name = self.ctx.collection
        assert name is not None, "the parser has checked that there is a collection"
        found = self.ctx.host.plan_cache_stats(self.ctx.db, self.ctx.host.resolve(self.ctx.db, name).collection)
        if found is None:
            raise CommandError(50933, f"collection '{self.ctx.db}.{name}' does not exist")
        yield from map(encode, found)
