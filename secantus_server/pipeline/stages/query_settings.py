"""`$querySettings`: returns the settings made with `setQuerySettings`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/querySettings/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import encode, type_name
from secantus_server.errors import CommandError
from secantus_server.pipeline.arguments import check_type
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage


@stage("$querySettings")
class QuerySettings(Stage):
    """A parsed `$querySettings`, which returns the settings of each query shape."""

    position = Position.FIRST
    collectionless = True
    in_facet = False
    stable_api = False

    def __init__(self, ctx: PipelineContext, debug: bool) -> None:
        super().__init__()
        self._ctx = ctx
        self._debug = debug

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> QuerySettings:
        """Parse `{$querySettings: {showDebugQueryShape: bool}}`.

        Raises:
            CommandError: 7746800 if the argument is not a document, 14 and 40415 for an invalid field.
        """
        if type(spec) is not dict:
            raise CommandError(7746800, f"$querySettings stage expects a document as argument, but found: {type_name(spec)}")
        for name, value in spec.items():
            if name != "showDebugQueryShape":
                raise CommandError(40415, f"BSON field '$querySettings.{name}' is an unknown field.")
            check_type(f"$querySettings.{name}", value, ("bool",))
        return cls(ctx, bool(spec.get("showDebugQueryShape")))

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return one document for each query shape that has settings."""
        return map(encode, self._ctx.host.query_settings(debug=self._debug))
