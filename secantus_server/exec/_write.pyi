from collections.abc import Callable, Iterator
from typing import Any

from secantus_server.index._index import Index

class CollectionWriter:
    became_multikey: list[Index]
    position: int
    def __init__(self, unit: Any, ident: int, indexes: list[Index]) -> None: ...
    def insert(self, doc: bytes, record_id: int) -> None: ...
    def insert_run(
        self,
        documents: list[bytes],
        start: int,
        stop: int,
        record_ids: Iterator[int],
        make_id: Callable[[], Any],
        make_timestamp: Callable[[], int],
        changes: list[Any],
    ) -> None: ...
    def update(self, old: bytes, new: bytes, record_id: int) -> None: ...
    def update_run(
        self, targets: list[tuple[int, bytes]], start: int, stop: int, change: Any, keeps_images: bool, changes: list[Any]
    ) -> int: ...
    def delete(self, doc: bytes, record_id: int) -> None: ...
    def delete_run(self, targets: list[tuple[int, bytes]], start: int, stop: int, keeps_images: bool, changes: list[Any]) -> None: ...
    def add_to_index(self, index: Index, doc: bytes, record_id: int) -> None: ...
