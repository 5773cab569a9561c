"""`$geoNear`: what there is of it is its answer that it is missing.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/geoNear/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.errors import not_supported
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage


@stage("$geoNear")
class GeoNear(Stage):
    """Documents by distance."""

    position = Position.FIRST
    misplaced = (40603, "$geoNear was not the first stage in the pipeline.")
    in_facet = False

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> GeoNear:
        """Reads anything, so that the stage's place is checked."""
        return cls()

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Never any documents.

        Raises:
            CommandError: 238.
        """
        raise not_supported("The stage $geoNear", "compute distances in the client, or with expressions in $addFields")
