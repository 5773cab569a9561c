from typing import Any

from secantus_server.dispatch._operation import ExpressCall
from secantus_server.work._command_entries import CommandEntry

CONTINUED: str

def records_of(kept: list[CommandEntry | ExpressCall], start: int, first: int) -> list[CommandRecord]: ...

class TakenCommands:
    has_long: bool
    def __init__(self, kept: list[CommandEntry | ExpressCall], first: int) -> None: ...
    def __len__(self) -> int: ...
    @property
    def end(self) -> int: ...
    def records(self) -> list[CommandRecord]: ...

def restored_commands(records: list[CommandRecord], first: int, has_long: bool) -> TakenCommands: ...

class CommandRecord:
    number: int
    request_id: int
    name: str
    database: str
    keys_examined: int
    docs_examined: int
    scanned: int
    rejected: int
    sorted: int
    n_returned: int
    results: int
    reply_bytes: int
    is_long: bool
    scanned_collections: tuple[str, ...]
    is_hinted: bool
    duration_ms: float
    error: str | None
    source: str | None
    stack: tuple[str, ...]
    thread: int
    task: int
    part: int
    def __init__(self, number: int, entry: CommandEntry) -> None: ...
    @property
    def _of(self) -> CommandEntry: ...
    @property
    def site(self) -> str | None: ...
    @property
    def place(self) -> str: ...
    @property
    def is_unbounded(self) -> bool: ...
    @property
    def namespace(self) -> str: ...
    @property
    def shape(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def plan_summary(self) -> str: ...
    @property
    def advice(self) -> tuple[str, ...]: ...
    def row(self, longest: int) -> str: ...
    def values(self) -> dict[str, Any]: ...

def restored(values: dict[str, Any]) -> CommandRecord: ...
