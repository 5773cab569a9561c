"""Opening of change streams for aggregate."""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch.registry import Reply
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.pipeline.run import Pipeline
from secantus_server.pipeline.stages.change_stream import ChangeStream
from secantus_server.work.change_streams.cursor import ChangeStreamCursor
from secantus_server.work.change_streams.scope import StreamScope
from secantus_server.work.change_streams.start import start_of
from secantus_server.work.change_streams.stream import ChangeStreamReader
from secantus_server.work.reading import cursor_reply


def is_change_stream(pipeline: Pipeline) -> bool:
    """Return whether a pipeline begins with `$changeStream`."""
    return bool(pipeline.stages) and isinstance(pipeline.stages[0], ChangeStream)


def open_change_stream(request: Request, name: str | None, pipeline: Pipeline, scope: ReadScope, batch_size: int | None) -> Reply:
    """Open a change stream and return the reply with its first batch. The batch is empty unless the stream resumes.

    Arguments:
        name: the collection, or None.
        pipeline: the parsed pipeline.
        scope: the read scope, which supplies the stream's transactions.
        batch_size: the size of the first batch; None means MongoDB's default.

    Raises:
        CommandError: the errors of `start_of`, and 72 for a read concern other than "majority".
    """
    stage = pipeline.stages[0]
    assert isinstance(stage, ChangeStream)
    check_read_concern(request)
    services, options = request.services, stage.options
    services.oplog.keep_for_readers()
    watched = StreamScope(None if options.whole_cluster else request.db, name)
    reader = ChangeStreamReader(services, watched, options, start_of(options, services.oplog, scope.unit), scope)
    cursor = ChangeStreamCursor(
        f"{request.db}.{'$cmd.aggregate' if name is None else name}",
        reader,
        Pipeline(pipeline.stages[1:]),
        scope,
        watch=services.writes.watch(watched.db or "", watched.collection or ""),
        session=request.session,
        comment=request.body.get("comment"),
    )
    services.counters.add("changeStreams")
    cursor.opened_on_primary = services.topology.is_primary
    return cursor_reply(request, cursor, cursor.first_batch(batch_size))


def check_read_concern(request: Request) -> None:
    """Raise if the request has a read concern with which a change stream cannot run.

    Raises:
        CommandError: 72 for a level other than "majority".
    """
    concern: dict[str, Any] = request.body.get("readConcern") or {}
    level = concern.get("level", "majority")
    if level != "majority":
        raise CommandError(72, f"$changeStream cannot run with a readConcern other than 'majority'. Current readConcern: {level}")
