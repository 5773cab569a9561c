"""A parsed pipeline: stages chained as generators, so that documents pass through all stages one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.exec._checked import Checked
from secantus_server.mql.metadata import Metadata
from secantus_server.pipeline.stage import Stage


class Pipeline:
    """An ordered list of stages.

    Arguments:
        stages: the parsed stages, used by one command in one thread.
        metadata: the metadata of the documents, or None.
    """

    def __init__(self, stages: list[Stage], metadata: Metadata | None = None) -> None:
        self.stages = stages
        self.metadata = metadata

    @property
    def writes(self) -> bool:
        """Whether the last stage is `$out` or `$merge`."""
        return bool(self.stages) and self.stages[-1].writes

    @property
    def collectionless(self) -> bool:
        """Whether the first stage produces its own documents instead of reading a collection."""
        return bool(self.stages) and self.stages[0].collectionless

    @property
    def reads_itself(self) -> bool:
        """Whether the first stage reads the collection or view itself."""
        return bool(self.stages) and self.stages[0].reads_itself

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return an iterator over the pipeline's output.

        Arguments:
            source: the input of the first stage.
        """
        for stage in self.stages:
            source = stage.run(source)
            if stage.makes_many:
                source = Checked(source, stage.check)
        return iter(source)

    def explain(self) -> list[dict[str, Any]]:
        """Return the stages in explain's format."""
        return [stage.explain() for stage in self.stages]
