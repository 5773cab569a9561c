from collections.abc import Callable, Iterable, Sequence
from typing import Any, final

from secantus_server.mql.accumulators import State
from secantus_server.mql.expressions import Expression
from secantus_server.mql.metadata import Metadata
from secantus_server.pipeline.stages._unwind import Unwinder

EVALUATED: int
CONSTANT: int

class GroupMemory:
    def __init__(self, max_bytes: int) -> None: ...
    def begin(self, value: Any, states: list[State]) -> int: ...
    def feed(self, states: list[State], doc: bytes) -> int: ...

@final
class Grouper:
    groups: dict[Any, tuple[Any, list[Any], int]]
    partitions: Any
    def __init__(
        self,
        expressions: Iterable[Expression],
        names: Sequence[str] | None,
        starts: Iterable[Callable[[], Any]],
        collation: Any,
        memory: GroupMemory | None = None,
    ) -> None: ...
    def consume(self, source: Iterable[bytes], state_takes: tuple[int, ...] | None) -> None: ...
    def consume_elements(
        self,
        source: Iterable[bytes],
        unwinder: Unwinder,
        key_takes: tuple[int, ...],
        state_takes: tuple[int, ...],
        check: Callable[[], None],
    ) -> None: ...
    def consume_values(
        self, source: Iterable[bytes], expressions: tuple[Expression, ...], key_takes: tuple[int, ...], state_takes: tuple[int, ...]
    ) -> None: ...
    def use_disk(
        self,
        max_bytes: int,
        growing: tuple[int, ...] | None,
        replaces: bool,
        make_saver: Callable[[], Any],
        metadata: Metadata | None,
    ) -> None: ...
    def deeper(self) -> Grouper: ...
    def replay(self, saved: bytes, doc: bytes, sequence: int) -> None: ...
    def results(self) -> list[tuple[Any, list[Any], int]]: ...
