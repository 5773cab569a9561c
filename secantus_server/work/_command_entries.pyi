from typing import Any

from secantus_server.dispatch._operation import ExpressCall, Operation
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.interceptors import Call, Outcome
from secantus_server.query.plan_notes import Examined, ScanName, Wanted

class CommandEntry:
    request_id: int
    name: str
    db: str
    target: Any
    seconds: float
    opener: CommandEntry | None
    examined: Examined
    stages: tuple[ScanName, ...]
    error: str | None
    unread: bool
    n_returned: int
    results: int
    reply_bytes: int
    @property
    def is_long(self) -> bool: ...
    @property
    def wanted(self) -> tuple[Wanted, ...]: ...
    @property
    def body(self) -> dict[str, Any]: ...
    @property
    def statements(self) -> list[Any]: ...
    @property
    def count(self) -> int: ...
    def shown(self) -> tuple[dict[str, Any], list[Any], int]: ...

def express_entry(call: ExpressCall) -> CommandEntry: ...

PLANNED: frozenset[str]

class Entries:
    kept: list[CommandEntry | ExpressCall]
    first: int
    left_out: int
    def __init__(self, ignored: str, most_entries: int, most_bytes: int) -> None: ...
    def after_general(
        self,
        call: Call,
        name: str,
        client: ClientInfo,
        operation: Operation,
        body: dict[str, Any],
        raw: bytes | None,
        seconds: float,
        outcome: Outcome,
    ) -> None: ...
    def position(self) -> int: ...
    def targets(self, start: int = ...) -> list[tuple[str, str]]: ...
    def after_express(self, client: ClientInfo, call: ExpressCall) -> None: ...
    def clear(self) -> None: ...

def settle(kept: list[CommandEntry | ExpressCall]) -> bool: ...
def entry_at(kept: list[CommandEntry | ExpressCall], place: int) -> CommandEntry: ...
