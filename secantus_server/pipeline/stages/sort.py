"""`$sort`: sorts the documents.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/sort/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf
from operator import itemgetter
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.exec._rows import gather, gather_documents, keep_best
from secantus_server.exec.annotated import sort_annotated
from secantus_server.exec.sorting import LONGEST_TOP, sorted_within
from secantus_server.exec.spilling import Row, Spill, sort_spilling
from secantus_server.mql.metadata import Metadata
from secantus_server.mql.sort import SortPattern
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage

_DOCUMENT = itemgetter(1)


@stage("$sort")
class Sort(Stage):
    """A parsed `$sort`.

    Arguments:
        pattern: the parsed sort pattern.
        max_bytes: the maximum size of the documents held in memory if disk use is not allowed, or None.
        metadata: the metadata of the documents, or None.
        spill: the memory limit and the files if disk use is allowed.

    The attribute `limit` is the maximum number of sorted documents that later stages read, or None.
    """

    makes_many = True

    def __init__(
        self, pattern: SortPattern, max_bytes: int | None = None, metadata: Metadata | None = None, spill: Spill | None = None
    ) -> None:
        super().__init__()
        self.metadata = metadata
        self.pattern = pattern
        self.max_bytes = max_bytes
        self.spill = spill
        self.limit: int | None = None

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Sort:
        """Parse `{$sort: {path: 1, other: -1}}`.

        Raises:
            CommandError: 15973 if the argument is not a document, 15974 to 15976 for an invalid pattern, and the errors of paths.
        """
        if type(spec) is not dict:
            raise CommandError(15973, "the $sort key specification must be an object")
        limit = ctx.parse.limits.sort
        return cls(SortPattern.parse(spec, ctx.parse), ctx.kept_at_most(limit), ctx.parse.metadata, ctx.spill("sort", limit))

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the documents in sorted order.

        Raises:
            CommandError: 292 QueryExceededMemoryLimitNoDiskUseAllowed.
        """
        if self.metadata is not None and self.metadata.wanted:
            yield from self._with_metadata(source, self.metadata)
            return
        if self.spill is None:
            rows = ((self.pattern.key(document), document) for document in source)
            yield from map(_DOCUMENT, sorted_within(rows, self.limit or 0, inf if self.max_bytes is None else self.max_bytes))
        elif self.limit is not None:
            yield from self._limited(source, self.limit, self.spill)
        else:
            yield from self._spilling(source, self.spill)

    def _spilling(self, source: Iterable[bytes], spill: Spill) -> Iterator[bytes]:
        """Return the documents in sorted order. As long as they fit into memory, they are sorted without rows."""
        documents: list[bytes] = []
        if gather_documents(source := iter(source), documents, spill.max_bytes):
            documents.sort(key=self.pattern.key)
            return iter(documents)
        rows = [(self.pattern.key(document), document, 0) for document in documents]
        documents.clear()
        return map(_DOCUMENT, sort_spilling(spill, 0, lambda found, room: gather(source, None, self.pattern.key, found, room), rows))

    def _limited(self, source: Iterable[bytes], limit: int, spill: Spill) -> Iterator[bytes]:
        """Return the first documents in sorted order."""
        source, key = iter(source), self.pattern.key
        rows: list[Row] = []
        if limit <= LONGEST_TOP and keep_best(source, None, key, limit, [], rows, spill.max_bytes):
            return map(_DOCUMENT, rows)
        return map(_DOCUMENT, sort_spilling(spill, limit, lambda found, room: gather(source, None, key, found, room), rows))

    def _with_metadata(self, source: Iterable[bytes], metadata: Metadata) -> Iterator[bytes]:
        """Yield the documents in sorted order. Restore the metadata of each document before yielding it."""
        rows = ((self.pattern.key(document), document, 0, metadata.values) for document in source)
        wants_key = "sortKey" in metadata.wanted
        for _, document, _, values in sort_annotated(rows, self.limit or 0, self.max_bytes, self.spill):
            metadata.values = values
            if wants_key:
                metadata.values = {**values, "sortKey": self.pattern.values(document)}
            yield document

    def explain(self) -> dict[str, Any]:
        """Return the stage in the output format of explain."""
        return {self.name: {"sortKey": self.spec}}
