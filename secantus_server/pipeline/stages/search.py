"""The base class of the stages that need MongoDB Search. They raise 31082 SearchNotEnabled if search indexes are not enabled.

https://www.mongodb.com/docs/atlas/atlas-search/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.stage import Position, Stage


class SearchStage(Stage):
    """A stage that needs search indexes.

    Arguments:
        ctx: the context of the pipeline, or None if search indexes are not enabled.
    """

    position = Position.FIRST
    reads_itself = True
    in_facet = False
    stable_api = False
    refusal = (
        "Using $search and $vectorSearch aggregation stages requires additional configuration. "
        "Please connect to Atlas or an AtlasCLI local deployment to enable."
    )

    def __init__(self, ctx: PipelineContext | None = None) -> None:
        super().__init__()
        self.ctx = ctx

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Stage:
        """Parse the argument if search indexes are enabled. Otherwise accept any argument, because MongoDB then does not validate it
        either.
        """
        return cls.parse_enabled(spec, ctx) if ctx.host.searches else cls()

    @classmethod
    def parse_enabled(cls, spec: Any, ctx: PipelineContext) -> Stage:
        """Parse the argument. Called only if search indexes are enabled."""
        raise NotImplementedError

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the results of the stage.

        Raises:
            CommandError: 31082 if search indexes are not enabled, and the errors of `results`.
        """
        if self.ctx is None:
            raise CommandError(31082, self.refusal)
        assert self.ctx.collection is not None, "the parser has checked that there is a collection"
        return self.results(self.ctx, self.ctx.collection)

    def results(self, ctx: PipelineContext, collection: str) -> Iterator[bytes]:
        """Return the results of the stage. Called only if search indexes are enabled.

        Raises:
            CommandError: if the query does not fit the index.
        """
        raise NotImplementedError


def note_scores(ctx: PipelineContext, keyword: str) -> None:
    """Register that the documents will have a score, available as the metadata `score` and under the stage's own keyword."""
    if ctx.parse.metadata is not None:
        ctx.parse.metadata.available |= {"score", keyword}


def scored(ctx: PipelineContext, found: Iterable[tuple[bytes, float]], keyword: str) -> Iterator[bytes]:
    """Yield the documents. Before each one, set its score as the metadata `score` and under the stage's own keyword."""
    metadata = ctx.parse.metadata
    for document, score in found:
        if metadata is not None:
            metadata.values = {"score": score, keyword: score}
        yield document
