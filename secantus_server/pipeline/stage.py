"""The base class of pipeline stages. A stage is a parsed step that converts one stream of documents into another.

https://www.mongodb.com/docs/manual/reference/operator/aggregation-pipeline/
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from secantus_server.exec.interruption import never_interrupt

if TYPE_CHECKING:
    from secantus_server.exec.spilling import Spill
    from secantus_server.pipeline.context import PipelineContext


class Position(enum.Enum):
    """The positions in a pipeline at which a stage is allowed."""

    ANYWHERE = enum.auto()
    FIRST = enum.auto()
    LAST = enum.auto()


class Stage:
    """The base class of pipeline stages. A subclass registers itself with `@stage`.

    Class attributes:
        position: the positions at which the stage is allowed.
        misplaced: the error code and message if the stage must be first but is not; None for the default error.
        collectionless: whether the stage requires `aggregate: 1`, because it produces documents without a collection.
        in_facet, in_lookup, in_union: whether the stage is allowed in a sub-pipeline of `$facet`, `$lookup` or `$unionWith`.
        writes: whether the stage writes to a collection.
        local_read_concern_only: whether the stage reads the server's state instead of a snapshot of the data.
        stable_api: whether the stage is part of the Stable API, version 1.
        one_to_one: whether the stage returns one document for each input document, in the same order.
        needs_change_stream: whether the stage is allowed only after `$changeStream`.
        searches: whether, as the first stage, it runs a search defined by its argument. The argument may contain variables.
        reads_itself: whether, as the first stage, it reads its collection or view directly instead of input documents.
        in_view: whether the stage is allowed in the definition of a view.
        makes_many: whether the stage can return many documents without reading input in between. `Pipeline.run` then checks for
            interruption after each document.

    Each instance has a function `check`, which raises if the operation was killed or timed out, and an attribute `spill`: how the stage
    moves what exceeds its memory limit to the disk, or None if it must not or cannot.
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
        self.spill: Spill | None = None

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Stage:
        """Parse a stage's argument.

        Arguments:
            spec: the argument.
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
        """Return the stage's output. A stage that produces documents itself does not read the source.

        Arguments:
            source: the output of the previous stage.
        """
        raise NotImplementedError

    def check_view(self, namespace: str) -> None:
        """Raise if this stage must not be the first stage over a view. By default, do nothing.

        Arguments:
            namespace: the namespace of the view, for error messages.

        Raises:
            CommandError: with MongoDB's code.
        """

    def check_behind(self) -> None:
        """Raise if this stage, with its argument, must not follow another stage. By default, do nothing.

        Raises:
            CommandError: with MongoDB's code.
        """

    def check_follower(self, follower: Stage) -> None:
        """Raise if `follower` must not appear after this stage, which is the first stage of the pipeline. By default, do nothing.

        The parser calls this method on the first stage, once for each later stage.

        Raises:
            CommandError: with MongoDB's code.
        """

    def precede(self, follower: Stage) -> None:
        """Notify this stage of the next stage in the optimised pipeline, so that it can adapt to it. By default, do nothing."""

    def hand_over(self) -> None:
        """Notify this stage that MongoDB's query engine would pass its results on to another stage. By default, do nothing.

        MongoDB converts some types in that case (see `handed_over`).
        """

    def changed_fields(self) -> frozenset[str] | None:
        """Return the top-level fields that this stage may change, or None if it may change any field.

        A filter that reads no changed field may move before the stage. A stage that combines several documents therefore also returns
        None.
        """
        return None

    def explain(self) -> dict[str, Any]:
        """Return the stage in the output format of explain."""
        return {self.name: self.spec}


class ServerStage(Stage):
    """A stage that returns the server's state instead of a collection's documents. It must be the first stage.

    Arguments:
        options: the user's options, already validated.
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
