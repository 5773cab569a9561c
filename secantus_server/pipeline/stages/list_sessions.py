"""`$listLocalSessions` and `$listSessions`: return the server's logical sessions.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/listLocalSessions/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import encode, type_name
from secantus_server.errors import CommandError
from secantus_server.pipeline.arguments import named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import ServerStage


@stage("$listLocalSessions")
class ListLocalSessions(ServerStage):
    """A parsed `$listLocalSessions`: the users whose sessions are listed."""

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> ListLocalSessions:
        """Parse `{$listLocalSessions: {users: [{user, db}], allUsers: bool}}`.

        Raises:
            CommandError: 14, 40414, 40415 for a malformed argument, 12 for both options together.
        """
        return cls(_parse_options(cls.name, spec), ctx)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield one document for each session."""
        yield from map(encode, self.ctx.host.sessions(self.options))


@stage("$listSessions")
class ListSessions(ListLocalSessions):
    """A parsed `$listSessions`, which lists the sessions in `config.system.sessions`."""

    collectionless = False

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> ListSessions:
        """Parse `{$listSessions: {users: [{user, db}], allUsers: bool}}`.

        Raises:
            CommandError: the errors of `$listLocalSessions`, and 73 for a collection other than `config.system.sessions`.
        """
        options = _parse_options(cls.name, spec)
        if ctx.db != "config" or ctx.collection != "system.sessions":
            raise CommandError(73, "$listSessions may only be run against config.system.sessions")
        return cls(options, ctx)


def _parse_options(stage: str, spec: Any) -> dict[str, Any]:
    if type(spec) is not dict:
        raise CommandError(14, f"{stage} options must be specified in an object, but found: {type_name(spec)}")
    options = named_fields(stage, spec, {"users": ("array",), "allUsers": ("bool",)})
    # A null among the users is skipped.
    options["users"] = users = [user for user in options.get("users") or [] if user is not None]
    for user in users:
        if type(user) is not dict:
            raise CommandError(14, f"BSON field '{stage}.users' is the wrong type '{type_name(user)}', expected type 'object'")
        named_fields(f"{stage}.users", user, {"user": ("string",), "db": ("string",)}, ("user", "db"))
    if options.get("allUsers") and users:
        raise CommandError(12, f"{stage} may not specify {{allUsers:true}} and {{users:[...]}} at the same time")
    return options
