"""`$limit`: returns only the first documents.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/limit/
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

# The maximum that itertools.islice accepts; it exceeds any possible number of documents.
MAX_COUNT = 2**63 - 1


@stage("$limit")
class Limit(Stage):
    """A parsed `$limit`: the maximum number of documents to return."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Limit:
        """Parse `{$limit: n}`.

        Raises:
            CommandError: 5107201 if the argument is not a non-negative whole number, 15958 for zero.
        """
        subject = "invalid argument to $limit stage: "
        count = whole_number(spec, 5107201, subject, text=show("$limit", spec))
        if count < 0:
            raise CommandError(5107201, f"{subject}Expected a non-negative number in: {show('$limit', spec)}")
        if count == 0:
            raise CommandError(15958, "the limit must be positive")
        return cls(count)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the first documents, up to the limit."""
        return islice(source, min(self.count, MAX_COUNT))

    def explain(self) -> dict[str, Any]:
        """Return the stage in the output format of explain."""
        return {self.name: Int64(self.count)}
