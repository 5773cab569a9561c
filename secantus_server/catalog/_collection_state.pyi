from collections.abc import Callable, Iterator

from secantus_server.catalog._document_count import DocumentCount
from secantus_server.index._index import Index

class RecordIds:
    def begin(self) -> None: ...
    def numbers(self, newest: Callable[[], int]) -> Iterator[int]: ...
    def restored(self) -> None: ...

class CollectionState:
    ident: int
    indexes: list[Index]
    identity: bytes
    record_ids: RecordIds
    document_count: DocumentCount
