"""`$sort`: orders the documents.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/sort/
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.mql.sort import SortPattern
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.memory import within_memory
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage


@stage("$sort")
class Sort(Stage):
    """An order.

    Arguments:
        pattern: the parsed sort.
        allow_disk_use: False makes more than 100 megabytes an error.

    `limit` is how many documents a later stage wants at most.
    """

    makes_many = True

    def __init__(self, pattern: SortPattern, allow_disk_use: bool = True) -> None:
        super().__init__()
        self.pattern = pattern
        self.allow_disk_use = allow_disk_use
        self.limit: int | None = None

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Sort:
        """Reads `{$sort: {path: 1, other: -1}}`.

        Raises:
            CommandError: 15973 for what is no document, 15974 to 15976 and the errors of paths.
        """
        if type(spec) is not dict:
            raise CommandError(15973, "the $sort key specification must be an object")
        return cls(SortPattern.parse(spec, ctx.parse), ctx.allow_disk_use)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """The documents in order."""
        if self.limit is not None:
            yield from heapq.nsmallest(self.limit, source, key=self.pattern.key)
            return
        if not self.allow_disk_use:
            source = within_memory(source, "Sort")
        yield from sorted(source, key=self.pattern.key)

    def explain(self) -> dict[str, Any]:
        """The stage as explain shows it."""
        return {self.name: {"sortKey": self.spec}}
