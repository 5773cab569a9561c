from collections.abc import Callable, Iterator
from typing import Any

from secantus_server.exec._covered import EntryShape
from secantus_server.index._index import Index

def next_prefix(prefix: bytes) -> bytes | None: ...

class ScopeCheck:
    target: Callable[[], None]
    def __init__(self, target: Callable[[], None]) -> None: ...
    def __call__(self) -> None: ...

class Scan(Iterator[bytes]):
    filter: Any
    record_id: int
    keys_examined: int
    docs_examined: int
    advanced: int
    reverse: bool
    finished: bool
    collection: Any
    def __init__(self, filter: Any, check: Callable[[], None], reverse: bool) -> None: ...
    def __iter__(self) -> Scan: ...
    def __next__(self) -> bytes: ...
    def attach(self, unit: Any) -> None: ...
    def detach(self) -> None: ...
    def close(self) -> None: ...
    def count(self, most: int = ...) -> int: ...

class RecordScan(Scan):
    def __init__(
        self,
        ident: int,
        filter: Any,
        check: Callable[[], None],
        reverse: bool = False,
        tailing: bool = False,
        capped: bool = False,
    ) -> None: ...
    tailing: bool
    def start_after(self, record_id: int) -> None: ...
    def remove_end(self) -> int: ...
    def targets(self, out: list[tuple[int, bytes]], room: int, cost: int) -> bool: ...
    def batch(self, out: list[bytes], limit: int, max_bytes: int) -> int: ...

class IndexScan(Scan):
    seeks: int
    duplicates: int
    def __init__(
        self,
        index: Index,
        intervals: list[tuple[bytes, bytes]],
        records_ident: int,
        filter: Any,
        check: Callable[[], None],
        reverse: bool = False,
        dedupe: bool | set[int] = False,
        covered: EntryShape | None = None,
        key_filter: Any = None,
        key_shape: EntryShape | None = None,
    ) -> None: ...
    def batch(self, out: list[bytes], limit: int, max_bytes: int) -> int: ...
