from collections.abc import Callable
from typing import Any

from secantus_server.clock import Clock
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.interceptors import Call, Outcome
from secantus_server.errors import CommandError
from secantus_server.index._index import Index
from secantus_server.javascript import Engine

class Operation:
    opid: int
    connection_id: int
    db: str
    users: tuple[tuple[str, str], ...]
    session: bytes | None
    thread: int
    started: float
    deadline: float | None
    killed: CommandError | None
    time_left: float | None
    waited: float
    wake: Callable[[], None] | None
    engine: Engine | None
    notes: Any
    notes_lookups: bool
    has_cursor: bool
    origin: Operation | None
    def __init__(
        self,
        clock: Clock,
        opid: int,
        connection_id: int,
        db: str,
        body: dict[str, Any] | None,
        users: tuple[tuple[str, str], ...],
        new_notes: Callable[[], Any],
        raw: bytes | None = None,
    ) -> None: ...
    @property
    def body(self) -> dict[str, Any]: ...
    def note_plan(self, plan: Any, query: Any = None) -> None: ...
    def keep_notes(self) -> None: ...
    def take_over(self, opener: Operation) -> None: ...
    def drop_notes(self) -> None: ...
    def interrupt(self, error: CommandError) -> None: ...
    def limit(self, max_time_ms: int) -> None: ...
    def seconds_left(self) -> float: ...
    def check(self) -> None: ...
    def is_ended_by(self, error: CommandError) -> bool: ...
    def note_time_left(self) -> None: ...
    def inherit_time_limit(self, last: Operation) -> None: ...

class Counts:
    inserted: int
    updated: int
    deleted: int
    returned: int
    keys: int
    documents: int
    whole_scans: int
    tailing_scans: int
    sorts: int
    rows: dict[tuple[str, str, str], list[float]]
    def examine(self, keys: int, documents: int, whole_scans: int, tailing_scans: int, sorts: int) -> None: ...

class Lane:
    is_open: bool
    threshold_s: float
    late: tuple[Callable[[Call, Outcome], None], ...]
    logs: tuple[Callable[[ClientInfo, ExpressCall], None], ...]
    def __init__(
        self,
        is_open: bool,
        threshold_s: float,
        late: tuple[Callable[[Call, Outcome], None], ...],
        logs: tuple[Callable[[ClientInfo, ExpressCall], None], ...],
    ) -> None: ...

class ExpressCall:
    raw: bytes
    name: str
    db: str
    target: str
    seconds: float
    index: Index | None
    is_range: bool
    keys: int
    documents: int
    returned: int
    whole_scans: int
    batch_bytes: int
