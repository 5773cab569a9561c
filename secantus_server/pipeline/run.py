"""A parsed pipeline, which runs as a chain of generators so that each document passes through all stages before the next one is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.exec._checked import Checked
from secantus_server.mql.metadata import Metadata
from secantus_server.pipeline.stage import Stage


class Pipeline:
    """A parsed pipeline.

    Arguments:
        stages: the parsed stages in order. They hold state, so only one command may use them, in one thread.
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
        """Whether the first stage produces documents itself instead of reading a collection."""
        return bool(self.stages) and self.stages[0].collectionless

    @property
    def reads_itself(self) -> bool:
        """Whether the first stage reads the collection or view directly, so that it needs no input documents."""
        return bool(self.stages) and self.stages[0].reads_itself

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return an iterator over the pipeline's output.

        Arguments:
            source: the input documents of the first stage.
        """
        for stage in self.stages:
            source = stage.run(source)
            if stage.makes_many:
                source = Checked(source, stage.check)
        return iter(source)

    def explain(self) -> list[dict[str, Any]]:
        """Return the stages in the output format of explain."""
        return [stage.explain() for stage in self.stages]
