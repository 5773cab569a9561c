"""The request, which represents a running command with its message, its client, and the server's services."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import field
from typing import TYPE_CHECKING, Any, Final

from bson.timestamp import Timestamp

from secantus_server.bson.values import Date
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.memory_limits import memory_limits
from secantus_server.dispatch.operations import Operation
from secantus_server.dispatch.scripts import open_engine
from secantus_server.mql.context import Cell, ParseContext
from secantus_server.mql.limits import DEFAULT_LIMITS
from secantus_server.records import record, replace
from secantus_server.wire.message import Message

if TYPE_CHECKING:
    from secantus_server.auth.privileges import Grants
    from secantus_server.dispatch.services import Services
    from secantus_server.dispatch.unit_of_work import UnitOfWork
    from secantus_server.javascript import Engine
    from secantus_server.mql.text.definition import TextDefinition
    from secantus_server.sessions._registries import RetryableWrite, SessionTransaction

#: The parameter that makes each query fail that needs a collection scan.
NO_TABLE_SCAN: Final = "notablescan"


@record(slots=True, eq=False)
class Request:
    """A running command.

    Arguments:
        name: the command's name as the client wrote it.
        db: the database on which the command runs.
        message: the message that contained the command.
        services: the server's services.
        client: the connection.
        operation: the command's entry in the registry of running operations. Code that takes long must call its `check` regularly.
        is_concealed: whether `operation.body` is a copy of the client's command without its secrets. If so, the command's documents must
            not be logged either.
        body: the command document.
        work: the unit of work, through which the command reads and writes.
        session: the id of the command's logical session, or None.
        transaction: the session's multi-document transaction to which the command belongs, or None.
        retry: the state of the retryable write, or None if the command is not a retryable write.
        retried: for a retryable write that was sent again, the ids of the statements that were executed the first time, in order;
            otherwise None.
        statement: the position of the running statement in the command.
        seconds: the command's working time, without waits for data; set when the command has ended.
        is_slow: whether the command counts as slow; None until `Observer.is_slow` is called.
        applies_oplog: whether the command comes from an oplog entry that applyOps applies, instead of from a client.
        wants_snapshot: whether the command has read concern "snapshot" outside a transaction.
        snapshot: the past state of the store that a command with read concern "snapshot" reads.
        injected: fields that a fail point adds to the reply or error.
        settings: the settings for the command's query shape (`query.query_settings.QuerySettings`), or None.
        next_body: the command document to run next without another request, for a streamed (exhaust) reply; set by the command.
    """

    name: str
    db: str
    message: Message
    services: Services
    client: ClientInfo
    operation: Operation
    is_concealed: bool = False
    body: dict[str, Any] = field(init=False)
    work: UnitOfWork = field(init=False)
    session: bytes | None = None
    transaction: SessionTransaction | None = None
    retry: RetryableWrite | None = None
    retried: dict[int, None] | None = None
    statement: int = 0
    next_body: dict[str, Any] | None = None
    injected: dict[str, Any] | None = None
    seconds: float = 0.0
    is_slow: bool | None = None
    applies_oplog: bool = False
    wants_snapshot: bool = False
    snapshot: Any = None
    settings: Any = None
    _now: Date | None = field(default=None, repr=False)
    _cluster_time: Timestamp | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.body = self.message.body
        self.work = self.services.work

    @property
    def grants(self) -> Grants | None:
        """Return the actions that the client may perform, or None without access control."""
        access = self.services.access
        return None if access is None else access.grants_of(self.client)

    @property
    def sequences(self) -> dict[str, list[bytes]]:
        """Return the document sequences of the message."""
        return self.message.sequences

    def statement_id(self, index: int) -> int:
        """Return the id of a statement of a retryable write.

        Arguments:
            index: the statement's position in the command.
        """
        body = self.body
        if "stmtIds" in body and body["stmtIds"] is not None:
            return int(body["stmtIds"][index])
        return index + (body["stmtId"] or 0) if "stmtId" in body else index

    @property
    def now(self) -> Date:
        """Return the command's current date, which does not change while the command runs."""
        if self._now is None:
            self._now = Date(self.services.clock.now_ms())
        return self._now

    def scripts(self, name: str) -> Engine:
        """Return the command's JavaScript engine. Create it on first use.

        Arguments:
            name: the operator or command that needs the engine.

        Raises:
            CommandError: see `open_engine`.
        """
        if self.operation.engine is None:
            self.operation.engine = open_engine(self.services, self.operation, name)
        return self.operation.engine

    def in_database(self, db: str) -> Request:
        """Return a copy of the request for another database, in the same unit of work."""
        other = copy(self)
        other.db = db
        return other

    def with_command(self, name: str, body: dict[str, Any]) -> Request:
        """Return a copy of the request for another command, in the same unit of work.

        Arguments:
            body: the command's document.
        """
        other = copy(self)
        other.name, other.body, other.next_body = name, body, None
        other.message = replace(self.message, body=body, raw=None)
        return other

    def forget_cluster_time(self) -> None:
        """Clear the cached cluster time, so that the next `parse_context` reads the time again.

        bulkWrite calls this method before each update, because each of its operations has its own cluster time.
        """
        self._cluster_time = None

    def parse_context(
        self, let: dict[str, Any] | None = None, collation: Any = None, text_definition: Callable[[], TextDefinition] | None = None
    ) -> ParseContext:
        """Return the context for parsing this command's filters and expressions.

        Arguments:
            let: the evaluated values of user variables.
            collation: the collation of string comparisons.
            text_definition: see `ParseContext`.
        """
        services, clock = self.services, self.services.clock
        if self._cluster_time is None:
            self._cluster_time = services.document_time()
        # Pass positional arguments, because this runs for almost every command, and keyword arguments took a quarter of its time.
        return ParseContext(
            self.now,
            self._cluster_time,
            {name: Cell(value) for name, value in let.items()} if let else {},
            collation,
            clock.random,
            clock.object_id,
            True,
            bool(self.body.get("bypassEmptyTsReplacement")),
            False,
            clock.now_ms,
            None,
            text_definition,
            memory_limits(services.parameters) if services.parameters else DEFAULT_LIMITS,
            self.scripts,
            self.operation.note_plan,
            services.index_filters or None,
            services.release,
            self.operation.notes_lookups,
            None if self.settings is None else self.settings.allowed_indexes(),
            bool(services.parameters) and services.parameters.get(NO_TABLE_SCAN, False),
        )
