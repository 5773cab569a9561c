"""`$changeStream` in a place where only an ordinary pipeline can run: the command opens streams itself.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/changeStream/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.errors import CommandError
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

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> ChangeStream:
        """Reads anything, so that the stage's place is checked."""
        return cls()

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Never any documents.

        Raises:
            CommandError: 40573.
        """
        raise CommandError(40573, "The $changeStream stage is only supported on replica sets")
