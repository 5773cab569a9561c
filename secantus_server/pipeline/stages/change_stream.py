"""`$changeStream`: its argument and position are validated, but change streams are not supported yet.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/changeStream/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError, not_supported
from secantus_server.pipeline.arguments import check_type, named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage

FLAGS = ("allChangesForCluster", "showExpandedEvents")
CHOICES = {
    "fullDocument": ("default", "updateLookup", "whenAvailable", "required"),
    "fullDocumentBeforeChange": ("off", "whenAvailable", "required"),
}
TOKENS = ("resumeAfter", "startAfter")
FIELDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(FLAGS, ()),
    **dict.fromkeys(CHOICES, ("string",)),
    **dict.fromkeys(TOKENS, ("object",)),
    "startAtOperationTime": ("timestamp",),
}
# The stages allowed after it: those that turn each event into at most one event.
FOLLOWERS = frozenset(
    ["$match", "$project", "$addFields", "$set", "$unset", "$replaceRoot", "$replaceWith", "$redact", "$changeStreamSplitLargeEvent"]
)
HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


@stage("$changeStream")
class ChangeStream(Stage):
    """Changes as they happen."""

    position = Position.FIRST
    in_facet = False
    in_lookup = False
    in_union = False
    _standalone = False

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> ChangeStream:
        """Parse `{$changeStream: {fullDocument, resumeAfter, ...}}`; it watches a collection, or with `aggregate: 1` a database.

        Raises:
            CommandError: 6188500, 40415, 14, 2, 40647, 40648, 40649, 50811, 9 for a malformed argument, 323 under the Stable API, 73.
        """
        if type(spec) is not dict:
            raise CommandError(6188500, f"$changeStream must take a nested object but found: {type_name(spec)}")
        fields = named_fields("$changeStream", spec, FIELDS)
        for name in FLAGS:
            if name in fields:
                check_type(f"$changeStream.{name}", fields[name], ("bool",))
        for name, choices in CHOICES.items():
            if name in fields and fields[name] not in choices:
                raise CommandError(2, f"Enumeration value '{fields[name]}' for field '$changeStream.{name}' is not a valid value.")
        for name in TOKENS:
            if name in fields:
                _check_token(fields[name])
        if ctx.api_strict and "showExpandedEvents" in fields:
            raise CommandError(323, "$changeStream.showExpandedEvents is not allowed with 'apiStrict: true' in API Version 1")
        if ctx.db in ("config", "local") or (ctx.db == "admin" and ctx.collection is not None):
            raise CommandError(73, f"$changeStream may not be opened on the internal {ctx.db} database")
        stream = cls()
        stream.collectionless = ctx.collection is None
        stream._standalone = ctx.parse.cluster_time is None
        return stream

    def check_view(self, namespace: str) -> None:
        """Raise: a view has no changes.

        Raises:
            CommandError: 166.
        """
        raise CommandError(166, f"Namespace {namespace} is a view, not a collection")

    def check_follower(self, follower: Stage) -> None:
        """Raise unless the follower processes each event independently.

        Raises:
            CommandError: 20.
        """
        if follower.name not in FOLLOWERS:
            raise CommandError(20, f"{follower.name} is not permitted in a $changeStream pipeline")

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Raise: change streams are not supported yet.

        Raises:
            CommandError: 238, or on a standalone server 40573.
        """
        if not self._standalone:
            raise not_supported("a change stream", "poll with find")
        raise CommandError(40573, "The $changeStream stage is only supported on replica sets")


def _check_token(token: dict[str, Any]) -> None:
    """Validate the form of a resume token. Only that it consists of hexadecimal digits can be checked."""
    data = token.get("_data")
    if type(data) is not str:
        raise CommandError(40647, f"Bad resume token: _data of missing or of wrong type {token}")
    if "_typeBits" in token and type_name(token["_typeBits"]) != "binData":
        raise CommandError(40648, f"Bad resume token: _typeBits of wrong type {token}")
    if not data:
        raise CommandError(40649, "Invalid format of resume token")
    if len(data) % 2 or not HEXADECIMAL.issuperset(data):
        raise CommandError(9, "resume token string was not a valid hex string")
    if not data.strip("0"):
        raise CommandError(50811, "Invalid format of resume token: it holds no time")
