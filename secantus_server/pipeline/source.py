"""The documents a sub-pipeline reads and makes: a collection, what it is a view of, and the user's stages over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from secantus_server.exec._point import PointFinder
from secantus_server.mql.context import Cell, Collation
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.parse import parse_pipeline
from secantus_server.pipeline.run import Pipeline


class SubPipeline:
    """A pipeline over another collection.

    Arguments:
        ctx: the outer pipeline's surroundings.
        collection: what is read in the end, or None if the pipeline makes its own documents.
        view: the stages of the view, if the user named one.
        own: the user's stages.
    """

    def __init__(self, ctx: PipelineContext, collection: str | None, view: Pipeline, own: Pipeline) -> None:
        self.ctx = ctx
        self.collection = collection
        self.view = view
        self.whole = Pipeline([*view.stages, *own.stages]) if view.stages else own
        self.own = own

    @classmethod
    def parse(cls, container: str, name: str | None, stages: list[Any], ctx: PipelineContext, cells: dict[str, Cell]) -> SubPipeline:
        """Parses a sub-pipeline.

        Arguments:
            container: the stage that holds it.
            name: the collection or view it reads, or None.
            stages: as the user wrote them.
            ctx: the outer pipeline's surroundings.
            cells: variables that the container binds.

        Raises:
            CommandError: the errors of the stages.
        """
        own = parse_pipeline(stages, ctx.sub_pipeline(container, name, cells))
        if name is None:
            return cls(ctx, None, Pipeline([]), own)
        resolved = ctx.operations.resolve(ctx.db, name)
        view = parse_pipeline(resolved.pipeline, ctx.sub_pipeline("", resolved.collection))
        return cls(ctx, resolved.collection, view, own)

    def documents(self) -> Iterator[bytes]:
        """The output of the whole pipeline; variables have the values they are bound to now."""
        return self.documents_of(self.whole)

    def documents_of(self, pipeline: Pipeline) -> Iterator[bytes]:
        """The output of another pipeline over what this one reads.

        Arguments:
            pipeline: such as the first stages of this one.
        """
        if self.collection is None:
            return pipeline.run(())
        return self.ctx.operations.documents(self.ctx.db, self.collection, pipeline)

    def equality_finder(self, path: str, collation: Collation | None) -> Callable[[Any], Iterator[bytes]] | None:
        """A function that finds documents by an index, if there is one and no view is between."""
        if self.view.stages or self.collection is None:
            return None
        return self.ctx.operations.equality_finder(self.ctx.db, self.collection, path, collation)

    def point_finder(self, path: str, collation: Collation | None) -> PointFinder | None:
        """Finds the document which has a key string, if a unique index of this one field can; see `equality_finder`."""
        if self.view.stages or self.collection is None:
            return None
        return self.ctx.operations.point_finder(self.ctx.db, self.collection, path, collation)
