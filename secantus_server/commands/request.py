"""One command while it runs: what came in, who sent it, and the server's services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bson.timestamp import Timestamp

from secantus_server.bson.values import Date
from secantus_server.commands.memory_limits import memory_limits
from secantus_server.commands.operations import Operation
from secantus_server.commands.usage import Usage
from secantus_server.errors import CommandError
from secantus_server.mql.context import Cell, ParseContext
from secantus_server.wire.message import Message

if TYPE_CHECKING:
    from secantus_server.commands.services import Services


@dataclass
class ClientInfo:
    """What the server knows of a connection.

    Arguments:
        connection_id: a number of its own.
        address: host and port of the other side.
        metadata: the `client` document of its first hello.
        compressors: the names agreed on in its hello.
        bytes_in, bytes_out, requests: what went over it; its own thread counts.
        usage: which commands it ran.
    """

    connection_id: int
    address: tuple[str, int]
    metadata: dict[str, Any] | None = None
    compressors: tuple[str, ...] = ()
    bytes_in: int = 0
    bytes_out: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)

    @property
    def application(self) -> str:
        """The application's name as the client gave it, or nothing."""
        application = (self.metadata or {}).get("application")
        return str(application.get("name", "")) if type(application) is dict else ""


@dataclass(slots=True, eq=False)
class Request:
    """One command while it runs.

    Arguments:
        name: the command's name as the client wrote it.
        db: the database it runs against.
        message: the message that carried it.
        services: the server.
        client: the connection.
        operation: its entry among the running operations; ask it regularly whether to go on.
        body: the command document.
        session: the UUID of the logical session that it runs in, or None.
        next_body: set by a command that may answer again without being asked (exhaust).
    """

    name: str
    db: str
    message: Message
    services: Services
    client: ClientInfo
    operation: Operation
    body: dict[str, Any] = field(init=False)
    session: bytes | None = None
    next_body: dict[str, Any] | None = None
    _now: Date | None = field(default=None, repr=False)
    _cluster_time: Timestamp | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.body = self.message.body

    @property
    def sequences(self) -> dict[str, list[bytes]]:
        """The documents sent beside the body."""
        return self.message.sequences

    @property
    def now(self) -> Date:
        """The command's time; the same whenever it is asked for."""
        if self._now is None:
            self._now = Date(self.services.clock.now_ms())
        return self._now

    def forget_cluster_time(self) -> None:
        """Let the next context have another cluster time; the operations of a bulkWrite do not share theirs."""
        self._cluster_time = None

    def parse_context(
        self, let: dict[str, Any] | None = None, collation: Any = None, text_error: Callable[[], CommandError] | None = None
    ) -> ParseContext:
        """The surroundings in which this command's filters and expressions are parsed.

        Arguments:
            let: the values of user variables, already evaluated.
            collation: the collation that its strings compare by.
            text_error: see `ParseContext`.
        """
        services = self.services
        if self._cluster_time is None and services.settings.replica_set:
            self._cluster_time = services.oplog.last_timestamp()
        return ParseContext(
            self.now,
            self._cluster_time,
            {name: Cell(value) for name, value in let.items()} if let else {},
            collation,
            services.clock.random,
            services.clock.object_id,
            keeps_empty_timestamps=bool(self.body.get("bypassEmptyTsReplacement")),
            text_error=text_error,
            limits=memory_limits(services.parameters),
        )
