"""`$project` and `$unset`: include, exclude or compute fields.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/project/
https://www.mongodb.com/docs/manual/reference/operator/aggregation/unset/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson.values import is_number
from secantus_server.errors import CommandError
from secantus_server.mql.expressions import Expression
from secantus_server.mql.projection import Projection, parse_projection, parse_unset
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage


class Projected(Iterator[bytes]):
    """The documents that a `$project` returns.

    A `$group` may read `source` instead and compute the fields itself.

    Arguments:
        source: the documents before the stage.
    """

    def __init__(self, source: Iterable[bytes], projection: Projection) -> None:
        self.source = source
        self._projection = projection
        self._documents = map(projection.apply, source)

    def __iter__(self) -> Iterator[bytes]:
        return self._documents

    def __next__(self) -> bytes:
        return next(self._documents)

    def computed_fields(self) -> dict[str, Expression] | None:
        """Return the expressions of the computed fields, or None if the projection is not one that keeps, drops and computes fields."""
        return self._projection.computed_fields() if type(self._projection) is Projection else None


@stage("$project")
class Project(Stage):
    """A parsed `$project`."""

    one_to_one = True

    def __init__(self, projection: Projection) -> None:
        super().__init__()
        self.projection = projection

    @property
    def is_plain_inclusion(self) -> bool:
        """Whether the stage only includes fields, so that a query's projection can replace it."""
        return self.projection.is_inclusion and self.projection.required_fields is not None

    def kept_fields(self) -> frozenset[str] | None:
        """Return the top-level fields that the stage includes unchanged, or None for an exclusion or a projection with computed fields."""
        if not self.is_plain_inclusion:
            return None
        kept = {name for name, value in self.spec.items() if _is_flag(value) and value and "." not in name}
        return frozenset(kept | {"_id"} if "_id" not in self.spec else kept)

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Project:
        """Parse `{$project: {field: 1, other: expression}}`.

        Raises:
            CommandError: 15969 if the argument is not a document, 51272 if it is empty, and the projection's own errors.
        """
        if type(spec) is not dict:
            raise CommandError(15969, "$project specification must be an object")
        return cls(parse_projection(spec, ctx.parse, for_find=False))

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the projected documents."""
        return Projected(source, self.projection)

    def explain(self) -> dict[str, Any]:
        """Return the stage in the output format of explain: flags are bools, and an inclusion contains an explicit `_id`."""
        if type(self.spec) is not dict:
            return super().explain()
        shown = {name: bool(value) if _is_flag(value) else value for name, value in self.spec.items()}
        keeps_id = {"_id": True} if self.projection.is_inclusion and "_id" not in shown else {}
        return {"$project": {**keeps_id, **shown}}


def _is_flag(value: Any) -> bool:
    return type(value) is bool or is_number(value)


@stage("$unset")
class Unset(Project):
    """A parsed `$unset`, which runs as an exclusion."""

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Unset:
        """Parse `{$unset: "path"}` or `{$unset: ["path", ...]}`.

        Raises:
            CommandError: 31002, 31119, 31120 if the argument is neither a path nor a list of paths, and the errors of paths.
        """
        return cls(parse_unset(spec, ctx.parse))
