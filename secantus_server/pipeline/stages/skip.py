"""`$skip`: omits the first documents.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/skip/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from bson.int64 import Int64

from secantus_server.errors import CommandError
from secantus_server.pipeline.arguments import show, whole_number
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage


@stage("$skip")
class Skip(Stage):
    """A parsed `$skip`: the number of documents to skip."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Skip:
        """Parse `{$skip: n}`.

        Raises:
            CommandError: 5107200 if the argument is not a non-negative whole number.
        """
        subject = "invalid argument to $skip stage: "
        count = whole_number(spec, 5107200, subject, text=show("$skip", spec))
        if count < 0:
            raise CommandError(5107200, f"{subject}Expected a non-negative number in: {show('$skip', spec)}")
        return cls(count)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the documents that remain after skipping the first ones."""
        return islice(source, self.count, None)

    def explain(self) -> dict[str, Any]:
        """Return the stage in the output format of explain."""
        return {self.name: Int64(self.count)}
