"""The stages of Atlas Search: every server without it answers them alike.

https://www.mongodb.com/docs/atlas/atlas-search/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage


class SearchStage(Stage):
    """A stage that needs a search server."""

    position = Position.FIRST
    in_facet = False
    stable_api = False

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> SearchStage:
        """Reads anything; the search server would check it."""
        return cls()

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Never any documents.

        Raises:
            CommandError: 31082.
        """
        raise CommandError(
            31082,
            "Using $search and $vectorSearch aggregation stages requires additional configuration. "
            "Please connect to Atlas or an AtlasCLI local deployment to enable.",
        )


@stage("$search")
class Search(SearchStage):
    """Full text."""


@stage("$searchMeta")
class SearchMeta(SearchStage):
    """Full text: counts and facets."""


@stage("$vectorSearch")
class VectorSearch(SearchStage):
    """Nearest vectors."""


@stage("$rankFusion")
class RankFusion(SearchStage):
    """Several rankings in one."""

    in_facet = True
    misplaced = (10170100, "$rankFusion must be the first stage of the pipeline")
