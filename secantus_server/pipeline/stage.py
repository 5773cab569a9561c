"""What a stage is: a parsed step that turns one stream of documents into another.

https://www.mongodb.com/docs/manual/reference/operator/aggregation-pipeline/
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from secantus_server.exec.uninterrupted import uninterrupted

if TYPE_CHECKING:
    from secantus_server.pipeline.context import PipelineContext


class Position(enum.Enum):
    """Where in a pipeline a stage may stand."""

    ANYWHERE = enum.auto()
    FIRST = enum.auto()
    LAST = enum.auto()


class Stage:
    """One step of a pipeline; a subclass registers itself with `@stage`.

    Class attributes:
        position: where the stage may stand.
        misplaced: code and text for a stage that must be first and is not, if they are its own.
        collectionless: it makes documents without a collection, for `aggregate: 1`.
        in_facet, in_lookup, in_union: it may stand in a sub-pipeline of `$facet`, `$lookup`, `$unionWith`.
        writes: it writes to a collection.
        local_read_concern_only: it reads the server's state, not a snapshot of data.
        stable_api: it is part of the Stable API, version 1.
        one_to_one: it makes one document of each document, in the same order.
        makes_many: it gives documents without reading one for each.

    `check` raises when the operation is to end.
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
    makes_many: ClassVar[bool] = False

    def __init__(self) -> None:
        self.spec: Any = None
        self.check: Callable[[], None] = uninterrupted

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Stage:
        """Reads what the user wrote after the stage's name.

        Arguments:
            spec: the value.
            ctx: the pipeline's surroundings.

        Raises:
            CommandError: for every mistake that needs no document.
        """
        raise NotImplementedError

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """The stage's documents; a stage that makes its own does not touch the source.

        Arguments:
            source: the documents of the stage before.
        """
        raise NotImplementedError

    def check_view(self, namespace: str) -> None:
        """Refuse to be the first stage over a view, whose name this is; most stages do not mind.

        Raises:
            CommandError: with MongoDB's code.
        """

    def check_follower(self, follower: Stage) -> None:
        """Refuse a stage that comes anywhere behind this one, which is the first; most stages do not mind.

        Raises:
            CommandError: with MongoDB's code.
        """

    def precede(self, follower: Stage) -> None:
        """Note which stage comes next in the optimised pipeline; most stages do not mind."""

    def changed_fields(self) -> frozenset[str] | None:
        """The top-level fields that may differ in the stage's documents, if it treats each document by itself.

        None stands for all of them, and for a stage that looks at several documents at once. A filter on other fields may be
        applied before the stage instead of after it.
        """
        return None

    def explain(self) -> dict[str, Any]:
        """The stage as explain shows it."""
        return {self.name: self.spec}


class ServerStage(Stage):
    """A stage that shows what the server knows instead of a collection's documents, and therefore stands first.

    Arguments:
        options: what the user wrote, checked.
        ctx: the pipeline's surroundings.
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
