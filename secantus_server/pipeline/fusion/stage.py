"""The base class of `$rankFusion` and `$scoreFusion`."""

from __future__ import annotations

from secantus_server.pipeline.stage import Position, Stage


class FusionStage(Stage):
    """A stage that runs its input pipelines over the pipeline's collection and combines their results."""

    position = Position.FIRST
    reads_itself = True
    in_view = False
    in_facet = True
    stable_api = False
    makes_many = True

    def several(self) -> bool:
        """Return whether there are several input pipelines."""
        raise NotImplementedError
