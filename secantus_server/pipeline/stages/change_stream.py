"""`$changeStream`: its place in a pipeline is checked, though there are no change streams yet.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/changeStream/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.errors import CommandError, not_supported
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage


@stage("$changeStream")
class ChangeStream(Stage):
    """Changes as they happen."""

    position = Position.FIRST
    in_facet = False
    in_lookup = False
    in_union = False
    _standalone = False

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> ChangeStream:
        """Reads anything, so that the stage's place is checked; it may watch a collection, or with `aggregate: 1` a database."""
        stream = cls()
        stream.collectionless = ctx.collection is None
        stream._standalone = ctx.parse.cluster_time is None
        return stream

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Never any documents.

        Raises:
            CommandError: 238, or on a standalone server 40573.
        """
        if not self._standalone:
            raise not_supported("a change stream", "poll with find")
        raise CommandError(40573, "The $changeStream stage is only supported on replica sets")
