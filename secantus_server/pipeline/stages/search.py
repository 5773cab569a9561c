"""The stages of MongoDB Search. As a server without Search does, they raise 31082 SearchNotEnabled, like the search index commands.

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
    refusal = (
        "Using $search and $vectorSearch aggregation stages requires additional configuration. "
        "Please connect to Atlas or an AtlasCLI local deployment to enable."
    )

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> SearchStage:
        """Accept any argument: only a search server would validate it."""
        return cls()

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Raise: there is no search server.

        Raises:
            CommandError: 31082.
        """
        raise CommandError(31082, self.refusal)


@stage("$search")
class Search(SearchStage):
    """Full-text search."""


@stage("$searchMeta")
class SearchMeta(SearchStage):
    """Counts and facets of a full-text search."""


@stage("$vectorSearch")
class VectorSearch(SearchStage):
    """Vector search."""


@stage("$listSearchIndexes")
class ListSearchIndexes(SearchStage):
    """The search indexes of a collection."""

    refusal = (
        "Using Atlas Search Database Commands and the $listSearchIndexes aggregation stage requires additional configuration. "
        "Please connect to Atlas or an AtlasCLI local deployment to use them."
    )
