"""The base class of the stages of MongoDB Search. Where search indexes are not enabled, they raise 31082 SearchNotEnabled.

https://www.mongodb.com/docs/atlas/atlas-search/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.stage import Position, Stage


class SearchStage(Stage):
    """A stage that needs search indexes."""

    position = Position.FIRST
    reads_itself = True
    in_facet = False
    stable_api = False
    refusal = (
        "Using $search and $vectorSearch aggregation stages requires additional configuration. "
        "Please connect to Atlas or an AtlasCLI local deployment to enable."
    )

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Stage:
        """Parse the argument if search indexes are enabled. Otherwise accept any: only a search server would validate it."""
        return cls.parse_enabled(spec, ctx) if ctx.host.searches else cls()

    @classmethod
    def parse_enabled(cls, spec: Any, ctx: PipelineContext) -> Stage:
        """Parse the argument on a server where search indexes are enabled."""
        raise NotImplementedError

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Raise: search indexes are not enabled.

        Raises:
            CommandError: 31082.
        """
        raise CommandError(31082, self.refusal)
