"""The base class of stages: parsed steps that turn one stream of documents into another.

https://www.mongodb.com/docs/manual/reference/operator/aggregation-pipeline/
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from secantus_server.exec.interruption import never_interrupt

if TYPE_CHECKING:
    from secantus_server.pipeline.context import PipelineContext


class Position(enum.Enum):
    """The positions at which a stage is allowed."""

    ANYWHERE = enum.auto()
    FIRST = enum.auto()
    LAST = enum.auto()


class Stage:
    """One step of a pipeline; a subclass registers itself with `@stage`.

    Class attributes:
        position: the positions at which the stage is allowed.
        misplaced: the stage's own error code and message if it must be first and is not.
        collectionless: whether the stage produces documents without a collection, for `aggregate: 1`.
        in_facet, in_lookup, in_union: whether it is allowed in a sub-pipeline of `$facet`, `$lookup`, `$unionWith`.
        writes: whether it writes to a collection.
        local_read_concern_only: whether it reads the server's state, not a snapshot of data.
        stable_api: whether it is part of the Stable API, version 1.
        one_to_one: whether it returns one document for each input document, in the same order.
        needs_change_stream: whether it is allowed only after `$changeStream`.
        searches: whether, as the first stage, it makes the host search for documents by its argument, which may contain variables.
        reads_itself: whether, as the first stage, it reads its collection or view itself instead of the documents of a source.
        in_view: whether it is allowed in the definition of a view.
        makes_many: whether it returns documents without reading one for each, so that `Pipeline.run` checks for interruption between them.

    `check` raises if the operation was killed or timed out.
    """

    name: ClassVar[str] = ""
    position: ClassVar[Position] = Position.ANYWHERE
    misplaced: ClassVar[tuple[int, str] | None] = None
    collectionless: bool = False
    in_facet: ClassVar[bool] = True
    in_lookup: ClassVar[bool] = True
    in_union: ClassVar[bool] = True
    writes: ClassVar[bool] = False
    local_read_concern_only: ClassVar[bool] = False
    stable_api: ClassVar[bool] = True
    one_to_one: ClassVar[bool] = False
    needs_change_stream: ClassVar[bool] = False
    searches: ClassVar[bool] = False
    reads_itself: ClassVar[bool] = False
    in_view: ClassVar[bool] = True
    makes_many: ClassVar[bool] = False

    def __init__(self) -> None:
        self.spec: Any = None
        self.check: Callable[[], None] = never_interrupt

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Stage:
        """Parse the value of a stage document.

        Arguments:
            spec: the value.
            ctx: the context of the pipeline.

        Raises:
            CommandError: for every error that does not depend on documents.
        """
        raise NotImplementedError

    @classmethod
    def is_stable(cls, spec: Any) -> bool:
        """Return whether the stage with this argument is part of the Stable API, version 1."""
        return cls.stable_api

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the stage's output. A stage that produces its own documents does not read the source.

        Arguments:
            source: the output of the previous stage.
        """
        raise NotImplementedError

    def check_view(self, namespace: str) -> None:
        """Raise if this stage cannot be the first stage over the view with this namespace. By default, do nothing.

        Raises:
            CommandError: with MongoDB's code.
        """

    def check_behind(self) -> None:
        """Raise if this stage, with its argument, cannot follow another stage. By default, do nothing.

        Raises:
            CommandError: with MongoDB's code.
        """

    def check_follower(self, follower: Stage) -> None:
        """Raise if `follower` must not appear anywhere in a pipeline that begins with this stage. By default, do nothing.

        The parser calls this method on the first stage of a pipeline, once for each later stage.

        Raises:
            CommandError: with MongoDB's code.
        """

    def precede(self, follower: Stage) -> None:
        """Receive the next stage of the optimised pipeline. By default, do nothing."""

    def hand_over(self) -> None:
        """Record that MongoDB's query engine would run this stage and hand over its results to the next one. By default, do nothing."""

    def changed_fields(self) -> frozenset[str] | None:
        """Return the top-level fields that this stage may change, if it processes each document independently.

        None means all fields, or that the stage processes several documents at once. A filter that reads only other fields may move before
        the stage.
        """
        return None

    def explain(self) -> dict[str, Any]:
        """Return the stage in explain's format."""
        return {self.name: self.spec}


class ServerStage(Stage):
    """A stage that returns the server's state instead of a collection's documents, and must therefore be first.

    Arguments:
        options: the user's options, already checked.
        ctx: the context of the pipeline.
    """

    position = Position.FIRST
    collectionless = True
    in_facet = False
    local_read_concern_only = True
    stable_api = False

    def __init__(self, options: dict[str, Any], ctx: PipelineContext) -> None:
        super().__init__()
        self.options = options
        self.ctx = ctx
