from collections.abc import Callable, Iterable
from typing import Any

ROW_COST: int

def gather(
    documents: Iterable[bytes],
    source: Any,
    key: Callable[[bytes], bytes],
    rows: list[Any],
    max_bytes: int,
    project: Callable[[bytes], bytes] | None = None,
) -> bool: ...
def sort_rows(rows: list[Any]) -> None: ...

class SortBuffer:
    record_id: int
    def gather(
        self,
        documents: Iterable[bytes],
        source: Any,
        key: Callable[[bytes], bytes],
        max_bytes: int,
        project: Callable[[bytes], bytes] | None = None,
    ) -> bool: ...
    def rows(self) -> list[tuple[bytes, bytes, int]]: ...
    def sort(self, limit: int) -> None: ...
    def __iter__(self) -> SortBuffer: ...
    def __next__(self) -> bytes: ...

def keep_best(
    documents: Iterable[bytes],
    source: Any,
    key: Callable[[bytes], bytes],
    limit: int,
    keys: list[bytes],
    rows: list[tuple[bytes, bytes, int]],
    max_bytes: int,
) -> bool: ...
def gather_documents(documents: Iterable[bytes], found: list[bytes], max_bytes: int) -> bool: ...
def pack(rows: list[tuple[bytes, bytes, int]], start: int, size: int) -> tuple[bytes, int]: ...
def unpack(block: bytes) -> list[tuple[bytes, bytes, int]]: ...
