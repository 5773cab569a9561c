from collections.abc import Callable, Hashable, Iterable
from enum import Enum
from typing import Any

from bson.timestamp import Timestamp

from secantus_server.clock import Clock
from secantus_server.sessions.executed import Executed, ExecutedFields
from secantus_server.system._lock import Lock
from secantus_server.system._threads import Condition

class State(Enum):
    IN_PROGRESS = "in progress"
    COMMITTED = "committed"
    ABORTED = "aborted"

class SessionUses:
    _clock: Clock
    _last_used_ms: dict[bytes, int]
    max_sessions: int
    def __init__(self, clock: Clock, max_sessions: int) -> None: ...
    def use(self, session: bytes) -> None: ...

class RetryableWrite:
    session: bytes
    number: int
    is_transaction: bool
    executed: dict[int, ExecutedFields] | None
    last_time: Timestamp | None
    last_ms: int
    lock: Lock
    lsid: bytes
    stored: set[int]
    def __init__(self, session: bytes, number: int, is_transaction: bool = False, earlier: RetryableWrite | None = None) -> None: ...
    def find(self, statement: int) -> Executed | None: ...
    def note(self, executed: ExecutedFields) -> None: ...
    def note_commit(self, executed: ExecutedFields, time: Timestamp, wall_ms: int, is_stored: bool) -> None: ...

class WriteRegistry:
    _lock: Lock
    _newest: dict[bytes, RetryableWrite]
    def begin(self, session: bytes, number: int, *, is_transaction: bool = False) -> tuple[RetryableWrite, bool]: ...
    def of(self, session: bytes) -> RetryableWrite | None: ...

class SessionTransaction:
    session: bytes
    number: int
    deadline: float
    lock: Lock
    state: State
    work: Any
    operation: Any
    first_operation: Any
    last_operation: Any
    active_s: float
    is_killed: bool
    def __init__(self, session: bytes, number: int, deadline: float) -> None: ...
    def enter(self, operation: Any) -> None: ...
    def leave(self, now: float) -> None: ...

class TransactionRegistry:
    _newest: dict[bytes, SessionTransaction]
    _ended: Condition
    _ends: int
    _waiting: int
    open: int
    started: int
    committed: int
    aborted: int
    def begin(self, transaction: SessionTransaction) -> SessionTransaction | None: ...
    def newest(self, session: bytes) -> SessionTransaction | None: ...
    def finish(self, transaction: SessionTransaction, state: State) -> None: ...
    def abort_held(self, transaction: SessionTransaction) -> None: ...
    def abort_idle(self, transaction: SessionTransaction) -> None: ...
    def release(self, transaction: SessionTransaction) -> None: ...

class NamespaceUses:
    _changed: Condition
    _users: dict[tuple[str, str], set[Hashable]]
    _claims: dict[tuple[str, str], int]
    _owners: dict[tuple[str, str], int]
    def try_change(self, namespaces: list[tuple[str, str]]) -> bool: ...
    def end_change(self, namespaces: list[tuple[str, str]]) -> None: ...
    def is_busy(self, namespace: tuple[str, str]) -> bool: ...
    def claim(self, namespace: tuple[str, str]) -> None: ...
    def unclaim(self, namespace: tuple[str, str]) -> None: ...
    def use(self, user: Hashable, namespace: tuple[str, str], timeout_s: float, check: Callable[[], None]) -> bool: ...
    def is_claimed(self, namespace: tuple[str, str]) -> bool: ...
    def release(self, user: Hashable, namespaces: Iterable[tuple[str, str]]) -> None: ...
