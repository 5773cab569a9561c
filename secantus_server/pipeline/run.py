"""A parsed pipeline: its stages chained as generators, so that a document is pulled through all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.pipeline._checked import Checked
from secantus_server.pipeline.stage import Stage


class Pipeline:
    """Stages in their order.

    Arguments:
        stages: the parsed stages; they belong to one command and one thread.
    """

    def __init__(self, stages: list[Stage]) -> None:
        self.stages = stages

    @property
    def writes(self) -> bool:
        """Whether the pipeline ends in `$out` or `$merge`."""
        return bool(self.stages) and self.stages[-1].writes

    @property
    def collectionless(self) -> bool:
        """Whether the first stage makes its own documents, so that no collection is read."""
        return bool(self.stages) and self.stages[0].collectionless

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """The pipeline's documents.

        Arguments:
            source: what the first stage reads.
        """
        for stage in self.stages:
            source = stage.run(source)
            if stage.makes_many:
                source = Checked(source, stage.check)
        return iter(source)

    def explain(self) -> list[dict[str, Any]]:
        """The stages as explain shows them."""
        return [stage.explain() for stage in self.stages]
