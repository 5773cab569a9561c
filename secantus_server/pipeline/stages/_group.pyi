from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from secantus_server.mql.accumulators import State
from secantus_server.mql.expressions import Expression

def group_key(value: Any, collation: Any = None) -> Hashable: ...

class GroupMemory:
    def __init__(self, max_bytes: int) -> None: ...
    def begin(self, value: Any, states: list[State]) -> int: ...
    def feed(self, states: list[State], doc: bytes) -> int: ...

class Grouper:
    def __init__(
        self,
        expressions: Iterable[Expression],
        names: Sequence[str] | None,
        starts: Iterable[Callable[[], Any]],
        collation: Any,
        memory: GroupMemory | None = None,
    ) -> None: ...
    def consume(self, source: Iterable[bytes]) -> None: ...
    def results(self) -> list[tuple[Any, list[Any]]]: ...
