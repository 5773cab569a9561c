"""`$vectorSearch`: returns the documents whose vectors are nearest to a query vector.

https://www.mongodb.com/docs/atlas/atlas-vector-search/vector-search-stage/

Every search is exact: it compares the query vector with all vectors, regardless of `exact` and `numCandidates`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bson.int64 import Int64

from secantus_server.bson import type_name
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.match import parse_match
from secantus_server.mql.vectors.query import parse_query_vector
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.host import VectorQuery
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage
from secantus_server.pipeline.stages.search import SearchStage, note_scores, scored

NAME = "$vectorSearch"
KEYWORD = "vectorSearchScore"
MAX_CANDIDATES = 10_000
FIELDS = frozenset(["exact", "filter", "index", "limit", "numCandidates", "path", "queryVector"])
LOGICAL = frozenset(["$and", "$or", "$nor"])
OPERATORS = frozenset(["$eq", "$ne", "$gt", "$lt", "$gte", "$lte", "$in", "$nin", "$not", "$exists"])


@stage(NAME)
class VectorSearch(SearchStage):
    """A parsed `$vectorSearch`.

    Arguments:
        query: the search, or None if search indexes are not enabled.
        ctx: the context of the pipeline, or None if search indexes are not enabled.
    """

    in_view = False
    makes_many = True

    def __init__(self, query: VectorQuery | None = None, ctx: PipelineContext | None = None) -> None:
        super().__init__(ctx)
        self.query = query

    @classmethod
    def parse_enabled(cls, spec: Any, ctx: PipelineContext) -> Stage:
        """Parse `{$vectorSearch: {index, path, queryVector, limit, numCandidates, exact, filter}}`.

        Raises:
            CommandError: 8, as in MongoDB Search, for a malformed argument, 238 for an unsupported argument, and the errors of the filter.
        """
        if type(spec) is not dict:
            raise CommandError(8, f"{NAME} must be a document")
        for name in spec:
            if name not in FIELDS:
                raise not_supported(f"$vectorSearch with the field {name}", "leave it out")
        for name in ("index", "path"):
            if type(spec.get(name)) is not str or not spec[name]:
                raise CommandError(8, f'"{name}" is required and must be a non-empty string')
        if "queryVector" not in spec:
            raise CommandError(8, '"queryVector" is required')
        vector = parse_query_vector("queryVector", spec["queryVector"])
        limit = _parse_limit(spec)
        matches, paths = None, set[str]()
        if spec.get("filter"):
            _check_filter(spec["filter"], paths)
            matches = parse_match(spec["filter"], ctx.parse).matches
        note_scores(ctx, KEYWORD)
        return cls(VectorQuery(spec["index"], spec["path"], vector, limit, matches, frozenset(paths)), ctx)

    def results(self, ctx: PipelineContext, collection: str) -> Iterator[bytes]:
        """Yield the matching documents, nearest first."""
        assert self.query is not None, "search indexes are enabled"
        yield from scored(ctx, ctx.host.nearest(ctx.db, collection, self.query), KEYWORD)


def _parse_limit(spec: dict[str, Any]) -> int:
    """Validate `limit`, `numCandidates` and `exact`, and return the limit."""
    limit = _positive(spec, "limit")
    if limit is None:
        raise CommandError(8, '"limit" is required')
    exact = spec.get("exact", False)
    if type(exact) is not bool:
        raise CommandError(8, '"exact" must be a boolean')
    candidates = _positive(spec, "numCandidates")
    if exact and candidates is not None:
        raise CommandError(8, '"numCandidates" must be omitted for "exact" searches')
    if not exact and candidates is None:
        raise CommandError(8, '"numCandidates" is required for approximate searches')
    if candidates is not None and candidates > MAX_CANDIDATES:
        raise CommandError(8, f'"numCandidates" must be within bounds [1, {MAX_CANDIDATES}]')
    if candidates is not None and candidates < limit:
        raise CommandError(8, '"numCandidates" must be greater than or equal to "limit"')
    return limit


def _positive(spec: dict[str, Any], name: str) -> int | None:
    value = spec.get(name)
    if value is None:
        return None
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) not in (int, Int64):
        raise CommandError(8, f'"{name}" must be an integer, found {type_name(value)}')
    if value < 1:
        raise CommandError(8, f'"{name}" must be positive')
    return int(value)


def _check_filter(filter: Any, paths: set[str]) -> None:
    """Raise if the filter contains an operator that `$vectorSearch` does not support. Add the filter's paths to the set `paths`."""
    if type(filter) is not dict:
        raise CommandError(8, '"filter" must be a document')
    for name, value in filter.items():
        if name in LOGICAL:
            for clause in value if type(value) is list else [value]:
                _check_filter(clause, paths)
        elif name.startswith("$"):
            raise CommandError(8, f'"filter.{name}" is not an operator that {NAME} supports')
        else:
            paths.add(name)
            _check_operators(name, value)


def _check_operators(path: str, value: Any) -> None:
    if type(value) is not dict or not any(name.startswith("$") for name in value):
        return
    for name, operand in value.items():
        if name not in OPERATORS:
            raise CommandError(8, f'"filter.{path}.{name}" is not an operator that {NAME} supports')
        if name == "$not":
            _check_operators(path, operand)
