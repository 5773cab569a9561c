"""`$match`: returns only the documents that match a filter.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/match/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.mql.match import parse_match
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage


@stage("$match")
class Match(Stage):
    """A parsed `$match`.

    Arguments:
        filter: the filter as given by the user.
        ctx: the parse context, with which combined filters are parsed later.

    The attribute `reads_metadata` is true if the filter contains `$meta`. The optimiser then must not move the stage.
    """

    def __init__(self, filter: dict[str, Any], ctx: PipelineContext) -> None:
        super().__init__()
        self.filter = filter
        self.ctx = ctx
        metadata = ctx.parse.metadata
        before = 0 if metadata is None else metadata.reads
        had_score = metadata is None or "textScore" in metadata.available
        self.match = parse_match(filter, ctx.parse)
        self.reads_metadata = metadata is not None and metadata.reads > before
        if self.reads_metadata and not had_score and metadata is not None and "textScore" in metadata.available:
            # $text and $meta in one filter are refused in either order, as in a find.
            raise CommandError(40218, "query requires text score metadata, but it is not available")

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Match:
        """Parse `{$match: filter}`.

        Raises:
            CommandError: 15959 if the argument is not a document, 5626500 for `$near`, and the filter's own errors.
        """
        if type(spec) is not dict:
            raise CommandError(15959, "the match filter must be an expression in an object")
        _refuse_operators(spec)
        return cls(spec, ctx)

    @classmethod
    def all_of(cls, matches: list[Match]) -> Match | None:
        """Return a filter that combines all `$match` stages of a list, or None if the list is empty."""
        if len(matches) < 2:
            return matches[0] if matches else None
        return cls({"$and": [match.filter for match in matches]}, matches[0].ctx)

    def changed(self, filter: dict[str, Any]) -> Match:
        """Return a copy of the stage with a different filter."""
        if filter == self.filter:
            return self
        stage = Match(filter, self.ctx)
        stage.spec, stage.check = filter, self.check
        return stage

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the documents that match the filter."""
        return filter(self.match.matches, source)


def _refuse_operators(spec: Any) -> None:
    """Raise if the filter contains an operator that is allowed in a query but not in a pipeline."""
    if type(spec) is list:
        for item in spec:
            _refuse_operators(item)
    elif type(spec) is dict:
        for name, value in spec.items():
            if name in ("$near", "$nearSphere", "$geoNear"):
                raise CommandError(
                    5626500,
                    "$geoNear, $near, and $nearSphere are not allowed in this context, as these operators require sorting "
                    "geospatial data. If you do not need sort, consider using $geoWithin instead.",
                )
            if name == "$where":
                raise CommandError(2, "$where is not allowed in this context")
            if (type(value) is dict or type(value) is list) and name not in ("$expr", "$eq", "$in", "$nin", "$ne"):
                _refuse_operators(value)
