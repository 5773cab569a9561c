"""`$search` and `$searchMeta`: full-text search by a search index, and the number of its results.

https://www.mongodb.com/docs/atlas/atlas-search/query-syntax/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bson.int64 import Int64

from secantus_server.bson import encode
from secantus_server.errors import CommandError, not_supported
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.host import SearchQuery
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage
from secantus_server.pipeline.stages.search import SearchStage

DEFAULT_INDEX = "default"
COUNTS = ("lowerBound", "total")
# Options whose defaults change nothing here.
_WITHOUT_EFFECT = {"concurrent": (True, False), "returnStoredSource": (False,), "scoreDetails": (False,)}
_REFUSED = frozenset(
    ["count", "facet", "highlight", "returnStoredSource", "scoreDetails", "searchAfter", "searchBefore", "sort", "tracking"]
)


class QueryStage(SearchStage):
    """A stage that runs a full-text search.

    Arguments:
        query: what to search for; None where search indexes are not enabled.
        ctx: the context of the pipeline, or None likewise.
        count: what `$searchMeta` counts.
    """

    makes_many = True
    has_count = False

    def __init__(self, query: SearchQuery | None = None, ctx: PipelineContext | None = None, count: str = "lowerBound") -> None:
        super().__init__()
        self.query = query
        self.ctx = ctx
        self.count = count

    @classmethod
    def parse_enabled(cls, spec: Any, ctx: PipelineContext) -> Stage:
        """Parse `{index, <operator>: {...}, count}`. The index tells whether the operator's argument is valid.

        Raises:
            CommandError: 8 as MongoDB Search for a malformed argument, 238 for an option that is not supported.
        """
        if type(spec) is not dict:
            raise CommandError(8, f"{cls.name} must be a document")
        rest = {name: value for name, value in spec.items() if value not in _WITHOUT_EFFECT.get(name, ())}
        index = rest.pop("index", DEFAULT_INDEX)
        if type(index) is not str or not index:
            raise CommandError(8, '"index" must be a non-empty string')
        count = _parse_count(rest.pop("count", {})) if cls.has_count else "lowerBound"
        for option in rest:
            if option in _REFUSED:
                raise not_supported(f"$search with {option}", "leave it out")
        if len(rest) != 1:
            raise CommandError(8, f"{cls.name} must have exactly one operator")
        [(operator, argument)] = rest.items()
        cls.note(ctx)
        return cls(SearchQuery(index, operator, argument), ctx, count)

    @classmethod
    def note(cls, ctx: PipelineContext) -> None:
        """Note which metadata the results have."""


def _parse_count(spec: Any) -> str:
    kind = spec.get("type", "lowerBound") if type(spec) is dict else None
    if kind not in COUNTS:
        raise CommandError(8, '"count.type" must be one of [lowerBound, total]')
    return str(kind)


@stage("$search")
class Search(QueryStage):
    """The documents that a search finds, the best first."""

    @classmethod
    def note(cls, ctx: PipelineContext) -> None:
        """Note that documents have a score."""
        if ctx.parse.metadata is not None:
            ctx.parse.metadata.available |= {"score", "searchScore"}

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the documents.

        Raises:
            CommandError: 31082 where search indexes are not enabled, and the errors of a query that does not fit the index.
        """
        if self.query is None or self.ctx is None:
            return super().run(source)
        return self._documents(self.query, self.ctx)

    def _documents(self, query: SearchQuery, ctx: PipelineContext) -> Iterator[bytes]:
        assert ctx.collection is not None, "the parser has checked that there is a collection"
        metadata = ctx.parse.metadata
        for document, score in ctx.host.search(ctx.db, ctx.collection, query):
            if metadata is not None:
                metadata.values = {"score": score, "searchScore": score}
            yield document


@stage("$searchMeta")
class SearchMeta(QueryStage):
    """The number of documents that a search finds."""

    has_count = True

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return one document, `{count: {lowerBound: number}}` or `{count: {total: number}}`.

        Raises:
            CommandError: 31082 where search indexes are not enabled, and the errors of a query that does not fit the index.
        """
        if self.query is None or self.ctx is None:
            return super().run(source)
        return self._counted(self.query, self.ctx)

    def _counted(self, query: SearchQuery, ctx: PipelineContext) -> Iterator[bytes]:
        assert ctx.collection is not None, "the parser has checked that there is a collection"
        number = sum(1 for _ in ctx.host.search(ctx.db, ctx.collection, query))
        yield encode({"count": {self.count: Int64(number)}})
