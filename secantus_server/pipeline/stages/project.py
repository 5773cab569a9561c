"""`$project` and `$unset`: which fields a document keeps or gets.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/project/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/unset/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.mql.projection import Projection, parse_projection, parse_unset
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage


@stage("$project")
class Project(Stage):
    """A projection applied to every document."""

    one_to_one = True

    def __init__(self, projection: Projection) -> None:
        super().__init__()
        self.projection = projection

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Project:
        """Reads `{$project: {field: 1, other: expression}}`.

        Raises:
            CommandError: 15969 for what is no document, 51272 for an empty one, and the projection's own errors.
        """
        if type(spec) is not dict:
            raise CommandError(15969, "$project specification must be an object")
        return cls(parse_projection(spec, ctx.parse, for_find=False))

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """The projected documents."""
        return map(self.projection.apply, source)


@stage("$unset")
class Unset(Project):
    """An exclusion."""

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Unset:
        """Reads `{$unset: "path"}` or `{$unset: ["path", ...]}`.

        Raises:
            CommandError: 31002, 31119, 31120 for what is no path or list of paths, and the errors of paths.
        """
        return cls(parse_unset(spec, ctx.parse))
