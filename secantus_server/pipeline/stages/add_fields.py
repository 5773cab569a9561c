"""`$addFields` and its other name `$set`: new or changed fields.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/addFields/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.mql.projection import Projection, parse_add_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage


@stage("$addFields", "$set")
class AddFields(Stage):
    """Computed fields.

    Arguments:
        paths: what is written, as the user named it.
        projection: what writes it.
    """

    one_to_one = True

    def __init__(self, paths: list[str], projection: Projection) -> None:
        super().__init__()
        self.paths = paths
        self.projection = projection

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> AddFields:
        """Reads `{$addFields: {path: expression}}`.

        Raises:
            CommandError: 40272 for what is no document, and the errors of paths and expressions.
        """
        if type(spec) is not dict:
            raise CommandError(40272, "$addFields specification stage must be an object")
        return cls(list(spec), parse_add_fields(spec, ctx.parse))

    def changed_fields(self) -> frozenset[str]:
        """The fields that are written."""
        return frozenset(path.partition(".")[0] for path in self.paths)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """The documents with their new fields."""
        return map(self.projection.apply, source)
