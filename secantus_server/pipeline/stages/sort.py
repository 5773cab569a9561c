"""`$sort`: sorts the documents.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/sort/
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.exec.sorting import sorted_within
from secantus_server.mql.metadata import Metadata
from secantus_server.mql.sort import SortPattern
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage


@stage("$sort")
class Sort(Stage):
    """A parsed `$sort`.

    Arguments:
        pattern: the parsed sort pattern.
        max_bytes: the maximum size of the documents held in memory, or None if disk use is allowed.
        metadata: the metadata of the documents, or None.

    The attribute `limit` is the maximum number of sorted documents that later stages read, or None.
    """

    makes_many = True

    def __init__(self, pattern: SortPattern, max_bytes: int | None = None, metadata: Metadata | None = None) -> None:
        super().__init__()
        self.metadata = metadata
        self.pattern = pattern
        self.max_bytes = max_bytes
        self.limit: int | None = None

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Sort:
        """Parse `{$sort: {path: 1, other: -1}}`.

        Raises:
            CommandError: 15973 if the argument is not a document, 15974 to 15976 for an invalid pattern, and the errors of paths.
        """
        if type(spec) is not dict:
            raise CommandError(15973, "the $sort key specification must be an object")
        return cls(SortPattern.parse(spec, ctx.parse), ctx.kept_at_most(ctx.parse.limits.sort), ctx.parse.metadata)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the documents in sorted order.

        Raises:
            CommandError: 292 QueryExceededMemoryLimitNoDiskUseAllowed.
        """
        if self.metadata is not None and self.metadata.wanted:
            yield from self._with_metadata(source, self.metadata)
            return
        if self.max_bytes is not None:
            rows = ((self.pattern.key(document), document) for document in source)
            yield from map(itemgetter(1), sorted_within(rows, self.limit or 0, self.max_bytes))
            return
        if self.limit is not None:
            yield from heapq.nsmallest(self.limit, source, key=self.pattern.key)
            return
        yield from sorted(source, key=self.pattern.key)

    def _with_metadata(self, source: Iterable[bytes], metadata: Metadata) -> Iterator[bytes]:
        """Yield the documents in sorted order. Restore the metadata of each document before yielding it."""
        rows = ((self.pattern.key(document), document, metadata.values) for document in source)
        wants_key = "sortKey" in metadata.wanted
        for _, document, values in sorted_within(rows, self.limit or 0, math.inf if self.max_bytes is None else self.max_bytes):
            metadata.values = values
            if wants_key:
                metadata.values = {**values, "sortKey": self.pattern.values(document)}
            yield document

    def explain(self) -> dict[str, Any]:
        """Return the stage in the output format of explain."""
        return {self.name: {"sortKey": self.spec}}
