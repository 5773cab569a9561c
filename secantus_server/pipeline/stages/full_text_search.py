"""`$search` and `$searchMeta`: full-text search through a search index, and the number of documents found.

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
from secantus_server.pipeline.stages.search import SearchStage, note_scores, scored

DEFAULT_INDEX = "default"
KEYWORD = "searchScore"
COUNTS = ("lowerBound", "total")
# The options that have no effect with their default values.
_WITHOUT_EFFECT = {"concurrent": (True, False), "returnStoredSource": (False,), "scoreDetails": (False,)}
_REFUSED = frozenset(
    ["count", "facet", "highlight", "returnStoredSource", "scoreDetails", "searchAfter", "searchBefore", "sort", "tracking"]
)


class QueryStage(SearchStage):
    """The common base class of `$search` and `$searchMeta`.

    Arguments:
        query: the search, or None if search indexes are not enabled.
        ctx: the context of the pipeline, or None if search indexes are not enabled.
        count: the kind of count that `$searchMeta` returns.
    """

    makes_many = True
    has_count = False

    def __init__(self, query: SearchQuery | None = None, ctx: PipelineContext | None = None, count: str = "lowerBound") -> None:
        super().__init__(ctx)
        self.query = query
        self.count = count

    @classmethod
    def parse_enabled(cls, spec: Any, ctx: PipelineContext) -> Stage:
        """Parse `{index, <operator>: {...}, count}`. The operator's argument is parsed later, because this requires the index definition.

        Raises:
            CommandError: 8, as in MongoDB Search, for a malformed argument, 238 for an option that is not supported.
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
        """Register the metadata that the results will have. By default, there is none."""

    def found(self, ctx: PipelineContext, collection: str) -> Iterable[tuple[bytes, float]]:
        """Return the matching documents with their scores."""
        assert self.query is not None, "search indexes are enabled"
        return ctx.host.search(ctx.db, collection, self.query)


def _parse_count(spec: Any) -> str:
    kind = spec.get("type", "lowerBound") if type(spec) is dict else None
    if kind not in COUNTS:
        raise CommandError(8, '"count.type" must be one of [lowerBound, total]')
    return str(kind)


@stage("$search")
class Search(QueryStage):
    """A parsed `$search`, which returns the matching documents in descending order of score."""

    @classmethod
    def note(cls, ctx: PipelineContext) -> None:
        """Register that the results will have a score."""
        note_scores(ctx, KEYWORD)

    def results(self, ctx: PipelineContext, collection: str) -> Iterator[bytes]:
        """Yield the matching documents."""
        yield from scored(ctx, self.found(ctx, collection), KEYWORD)


@stage("$searchMeta")
class SearchMeta(QueryStage):
    """A parsed `$searchMeta`, which returns the number of matching documents."""

    has_count = True

    def results(self, ctx: PipelineContext, collection: str) -> Iterator[bytes]:
        """Yield one document with the count, either `{count: {lowerBound: number}}` or `{count: {total: number}}`."""
        number = sum(1 for _ in self.found(ctx, collection))
        yield encode({"count": {self.count: Int64(number)}})
