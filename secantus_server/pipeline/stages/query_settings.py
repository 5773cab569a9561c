"""`$querySettings`: the settings of `setQuerySettings`; always empty on this server.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/querySettings/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.pipeline.arguments import check_type
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage


@stage("$querySettings")
class QuerySettings(Stage):
    """An empty list of settings."""

    position = Position.FIRST
    collectionless = True
    in_facet = False
    stable_api = False

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> QuerySettings:
        """Parse `{$querySettings: {showDebugQueryShape: bool}}`.

        Raises:
            CommandError: 7746800 if the argument is not a document, 14 and 40415 for its fields.
        """
        if type(spec) is not dict:
            raise CommandError(7746800, f"$querySettings stage expects a document as argument, but found: {type_name(spec)}")
        for name, value in spec.items():
            if name != "showDebugQueryShape":
                raise CommandError(40415, f"BSON field '$querySettings.{name}' is an unknown field.")
            check_type(f"$querySettings.{name}", value, ("bool",))
        return cls()

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield no documents."""
        return iter(())
