"""Parsing and placement of `$changeStream`. The package `work.change_streams` runs the stream.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/changeStream/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from bson.timestamp import Timestamp

from secantus_server.bson import type_name
from secantus_server.errors import CommandError, not_supported
from secantus_server.pipeline.arguments import check_type, named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage
from secantus_server.reserved_names import INTERNAL_DATABASES

FLAGS = ("allChangesForCluster", "showExpandedEvents", "showRawUpdateDescription", "showSystemEvents", "showMigrationEvents")
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
# The stages allowed after `$changeStream`. They turn each event into at most one event.
FOLLOWERS = frozenset(
    ["$match", "$project", "$addFields", "$set", "$unset", "$replaceRoot", "$replaceWith", "$redact", "$changeStreamSplitLargeEvent"]
)
HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


class ChangeStreamOptions(NamedTuple):
    """The options of a change stream.

    Arguments:
        whole_cluster: whether to watch all databases.
        expanded: whether to return the events and fields that MongoDB added in version 6.0 (`showExpandedEvents`).
        raw_description: whether to describe an update in the format of the oplog.
        full_document: the mode of `fullDocument`.
        before: the mode of `fullDocumentBeforeChange`.
        resume_after: the resume token of the last event received, or None.
        start_after: like `resume_after`, but the token of an `invalidate` event is also allowed.
        start_at: the cluster time of the first event, or None.
    """

    whole_cluster: bool = False
    expanded: bool = False
    raw_description: bool = False
    full_document: str = "default"
    before: str = "off"
    resume_after: dict[str, Any] | None = None
    start_after: dict[str, Any] | None = None
    start_at: Timestamp | None = None


@stage("$changeStream")
class ChangeStream(Stage):
    """A parsed `$changeStream`.

    Arguments:
        options: the user's options, already validated.
    """

    position = Position.FIRST
    in_facet = False
    in_lookup = False
    in_union = False

    def __init__(self, options: ChangeStreamOptions) -> None:
        super().__init__()
        self.options = options

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> ChangeStream:
        """Parse `{$changeStream: {fullDocument, resumeAfter, ...}}`.

        The stream watches a collection, a database (with `aggregate: 1`) or all databases.

        Raises:
            CommandError: 6188500, 40415, 14, 2, 40647, 40648, 40649, 50811, 9 for a malformed argument, 40674 and 50865 for several
                starting points, 323 under the Stable API, 73 and 72 for a namespace that cannot be watched, 40573 on a standalone server.
        """
        if type(spec) is not dict:
            raise CommandError(6188500, f"$changeStream must take a nested object but found: {type_name(spec)}")
        fields = named_fields("$changeStream", spec, FIELDS)
        _check_values(fields)
        if ctx.api_strict and "showExpandedEvents" in fields:
            raise CommandError(323, "$changeStream.showExpandedEvents is not allowed with 'apiStrict: true' in API Version 1")
        options = _options(fields)
        _check_namespace(options, ctx)
        if ctx.parse.cluster_time is None:
            raise CommandError(40573, "The $changeStream stage is only supported on replica sets")
        stream = cls(options)
        stream.collectionless = ctx.collection is None
        return stream

    def check_view(self, namespace: str) -> None:
        """Raise error 166, because change streams cannot watch views.

        Raises:
            CommandError: 166.
        """
        raise CommandError(166, f"Namespace {namespace} is a view, not a collection")

    def check_follower(self, follower: Stage) -> None:
        """Raise if the later stage does not process each event independently.

        Raises:
            CommandError: 20.
        """
        if follower.name not in FOLLOWERS:
            raise CommandError(20, f"{follower.name} is not permitted in a $changeStream pipeline")

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Raise an AssertionError, because `work.change_streams` runs this stage instead."""
        raise AssertionError("a change stream reads the oplog")


def _check_values(fields: dict[str, Any]) -> None:
    """Raise if an option has an invalid value."""
    for name in FLAGS:
        if name in fields:
            check_type(f"$changeStream.{name}", fields[name], ("bool",))
    for name, choices in CHOICES.items():
        if name in fields and fields[name] not in choices:
            raise CommandError(2, f"Enumeration value '{fields[name]}' for field '$changeStream.{name}' is not a valid value.")
    for name in TOKENS:
        if name in fields:
            _check_token(fields[name])
    if len(fields.keys() & set(TOKENS)) == 2:
        raise CommandError(50865, "Do not specify both 'resumeAfter' and 'startAfter' in a $changeStream stage")
    if "startAtOperationTime" in fields and fields.keys() & set(TOKENS):
        raise CommandError(40674, "Only one type of resume option is allowed, but multiple were found.")
    for name in ("showSystemEvents", "showMigrationEvents"):
        if fields.get(name):
            raise not_supported(f"$changeStream.{name}", "leave it out: it shows internal events of sharded clusters")


def _options(fields: dict[str, Any]) -> ChangeStreamOptions:
    return ChangeStreamOptions(
        whole_cluster=fields.get("allChangesForCluster", False),
        expanded=fields.get("showExpandedEvents", False),
        raw_description=fields.get("showRawUpdateDescription", False),
        full_document=fields.get("fullDocument", "default"),
        before=fields.get("fullDocumentBeforeChange", "off"),
        resume_after=fields.get("resumeAfter"),
        start_after=fields.get("startAfter"),
        start_at=fields.get("startAtOperationTime"),
    )


def _check_namespace(options: ChangeStreamOptions, ctx: PipelineContext) -> None:
    """Raise if the namespace cannot be watched.

    Raises:
        CommandError: 72 InvalidOptions, 73 InvalidNamespace.
    """
    if options.whole_cluster:
        if ctx.db != "admin" or ctx.collection is not None:
            raise CommandError(
                72,
                "A $changeStream with 'allChangesForCluster:true' may only be opened on the 'admin' database, and with no collection name",
            )
        return
    if ctx.db in INTERNAL_DATABASES:
        raise CommandError(73, f"$changeStream may not be opened on the internal {ctx.db} database")
    if ctx.collection is not None and ctx.collection.startswith("system."):
        raise CommandError(73, f"$changeStream may not be opened on the internal {ctx.db}.{ctx.collection} collection")


def _check_token(token: dict[str, Any]) -> None:
    """Raise if a resume token does not consist of hexadecimal digits. Nothing else about a token can be validated."""
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
