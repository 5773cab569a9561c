"""`$queryStats`: returns query statistics. The result is always empty, as on a MongoDB server with default settings.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/queryStats/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.pipeline.arguments import named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage


@stage("$queryStats")
class QueryStats(Stage):
    """A parsed `$queryStats`, whose result is always empty."""

    position = Position.FIRST
    collectionless = True
    in_facet = False
    stable_api = False

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> QueryStats:
        """Parse `{$queryStats: {transformIdentifiers: {algorithm, hmacKey}}}`.

        Raises:
            CommandError: 9 if the argument is not a document, 40415 and 14 for an invalid field.
        """
        if type(spec) is not dict:
            raise CommandError(9, f"$queryStats value must be an object. Found: {type_name(spec)}")
        named_fields("$queryStats", spec, {"transformIdentifiers": ("object",)})
        return cls()

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return an empty iterator, because no statistics are collected."""
        return iter(())
