"""`$addFields` and its alias `$set`: add or replace fields.

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
    """A parsed `$addFields`.

    Arguments:
        paths: the paths to write, as given by the user.
        projection: the projection that computes and writes the fields.
    """

    one_to_one = True

    def __init__(self, paths: list[str], projection: Projection) -> None:
        super().__init__()
        self.paths = paths
        self.projection = projection

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> AddFields:
        """Parse `{$addFields: {path: expression}}`.

        Raises:
            CommandError: 40272 if the argument is not a document, and the errors of paths and expressions.
        """
        if type(spec) is not dict:
            raise CommandError(40272, "$addFields specification stage must be an object")
        return cls(list(spec), parse_add_fields(spec, ctx.parse))

    def changed_fields(self) -> frozenset[str]:
        """Return the top-level fields that the stage writes."""
        return frozenset(path.partition(".")[0] for path in self.paths)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the documents with the new fields added."""
        return map(self.projection.apply, source)
