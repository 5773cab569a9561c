"""The base class of `$rankFusion` and `$scoreFusion`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.fusion.inputs import Input
from secantus_server.pipeline.fusion.results import Fused, in_order
from secantus_server.pipeline.stage import Position, Stage


class FusionStage(Stage):
    """A stage that runs its input pipelines over the pipeline's collection and combines their results.

    Arguments:
        inputs: the input pipelines.
        ctx: the context of the pipeline.
        with_details: whether scoreDetails are computed for the documents.
    """

    position = Position.FIRST
    reads_itself = True
    in_view = False
    in_facet = True
    stable_api = False
    makes_many = True

    def __init__(self, inputs: list[Input], ctx: PipelineContext, with_details: bool) -> None:
        super().__init__()
        self.inputs = inputs
        self.ctx = ctx
        self.with_details = with_details
        if ctx.parse.metadata is not None:
            ctx.parse.metadata.available |= {"score", "scoreDetails"} if with_details else {"score"}

    def several(self) -> bool:
        """Return whether the stage has more than one input pipeline."""
        return len(self.inputs) > 1

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the documents of all input pipelines by descending combined score.

        Raises:
            CommandError: the errors of `fused`.
        """
        return in_order(self.fused(), self.ctx.parse.metadata)

    def fused(self) -> list[Fused]:
        """Run the input pipelines and return their documents with the combined scores.

        Raises:
            CommandError: the errors of the input pipelines and of the expression that combines the scores.
        """
        raise NotImplementedError
