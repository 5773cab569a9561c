"""Sub-pipelines with their source: the collection, the stages of a view, and the user's stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.exec._point import PointFinder
from secantus_server.mql.context import Cell, Collation
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.parse import parse_pipeline
from secantus_server.pipeline.registry import MODULES, find_stage
from secantus_server.pipeline.run import Pipeline


def _reads_itself(stages: list[Any]) -> bool:
    """Return whether the first stage reads the collection or view directly instead of input documents."""
    name = next(iter(stages[0]), "") if stages and type(stages[0]) is dict else ""
    return name in MODULES and find_stage(name).reads_itself


class SubPipeline:
    """The sub-pipeline of a stage such as `$lookup`, together with the collection or view that it reads.

    Arguments:
        ctx: the context of the outer pipeline.
        collection: the underlying collection, or None if the first stage produces the documents.
        view: the view's stages; empty if the sub-pipeline does not read a view.
        own: the user's stages.
    """

    def __init__(self, ctx: PipelineContext, collection: str | None, view: Pipeline, own: Pipeline) -> None:
        self.ctx = ctx
        self.collection = collection
        self.view = view
        self.whole = Pipeline([*view.stages, *own.stages], own.metadata) if view.stages else own
        self.own = own

    @classmethod
    def parse(cls, container: str, name: str | None, stages: list[Any], ctx: PipelineContext, cells: dict[str, Cell]) -> SubPipeline:
        """Parse a sub-pipeline.

        Arguments:
            container: the stage that contains the sub-pipeline.
            name: the collection or view to read, or None.
            stages: the stages as the user wrote them.
            ctx: the context of the outer pipeline.
            cells: the variables that the container binds.

        Raises:
            CommandError: 73 InvalidNamespace, and the errors of the stages.
        """
        if name is not None and (name.startswith(".") or "\0" in name):
            raise CommandError(73, f"Invalid namespace specified '{ctx.db}.{name}'")
        inner = ctx.sub_pipeline(container, name, cells)
        if name is None:
            return cls(ctx, None, Pipeline([]), parse_pipeline(stages, inner))
        if _reads_itself(stages):
            return cls(ctx, None, Pipeline([]), parse_pipeline(stages, inner))
        resolved = ctx.host.resolve(ctx.db, name)
        view = Pipeline([])
        if resolved.pipeline:
            below = ctx.sub_pipeline("", resolved.collection)
            # The user's stages see the metadata of the view's documents.
            inner.parse.metadata = below.parse.metadata
            view = parse_pipeline(resolved.pipeline, below)
        return cls(ctx, resolved.collection, view, parse_pipeline(stages, inner))

    def documents(self) -> Iterator[bytes]:
        """Return the output of the sub-pipeline for the current values of the variables."""
        return self.documents_of(self.whole)

    def documents_of(self, pipeline: Pipeline) -> Iterator[bytes]:
        """Return the output of another pipeline over this sub-pipeline's collection.

        Arguments:
            pipeline: the other pipeline, for example only the leading stages of this sub-pipeline.
        """
        if self.collection is None:
            return pipeline.run(())
        return self.ctx.host.documents(self.ctx.db, self.collection, pipeline)

    def equality_finder(self, path: str, collation: Collation | None) -> Callable[[Any], Iterator[bytes]] | None:
        """Return a function that finds documents with a given value at `path` through an index.

        Return None if no index is usable or if the sub-pipeline reads a view with stages.
        """
        if self.view.stages or self.collection is None:
            return None
        return self.ctx.host.equality_finder(self.ctx.db, self.collection, path, collation)

    def point_finder(self, path: str, collation: Collation | None) -> PointFinder | None:
        """Return a finder that looks up key strings in a unique index on `path`.

        Return None if no such index exists or if the sub-pipeline reads a view with stages.
        """
        if self.view.stages or self.collection is None:
            return None
        return self.ctx.host.point_finder(self.ctx.db, self.collection, path, collation)

    def join_notes(self, path: str) -> Callable[[int, int], None] | None:
        """Return a function that records a join without an index for the command log, or None if joins are not recorded.

        Joins are not recorded without a command log, and for the documents of a view.
        """
        if self.view.stages or self.collection is None or not self.ctx.parse.notes_lookups:
            return None
        return partial(self.ctx.host.note_join, self.ctx.db, self.collection, path)
