"""`$currentOp`: returns the server's running operations.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/currentOp/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import encode
from secantus_server.errors import CommandError
from secantus_server.pipeline.arguments import check_type
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import ServerStage

OPTIONS = frozenset(
    ["allUsers", "idleConnections", "idleSessions", "idleCursors", "localOps", "truncateOps", "backtrace", "targetAllNodes"]
)


@stage("$currentOp")
class CurrentOp(ServerStage):
    """A parsed `$currentOp`: the options that select the operations to return."""

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> CurrentOp:
        """Parse `{$currentOp: {allUsers, idleConnections, ...}}`.

        Raises:
            CommandError: 14 and 40415 for a malformed argument, 9 for `targetAllNodes`, 73 outside the database `admin`.
        """
        if type(spec) is not dict:
            raise CommandError(14, "$currentOp options must be specified in an object")
        for name, value in spec.items():
            if name not in OPTIONS:
                raise CommandError(40415, f"BSON field '$currentOp.{name}' is an unknown field.")
            check_type(f"$currentOp.{name}", value, ("bool",))
        if spec.get("targetAllNodes"):
            raise CommandError(9, "$currentOp supports targetAllNodes parameter only for sharded clusters")
        if ctx.db != "admin":
            raise CommandError(73, "$currentOp must be run against the 'admin' database with {aggregate: 1}")
        return cls(spec, ctx)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield one document for each operation."""
        yield from map(encode, self.ctx.host.current_operations(self.options))
