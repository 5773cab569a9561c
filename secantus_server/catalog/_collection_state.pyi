from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bson.binary import Binary

from secantus_server.catalog._document_count import DocumentCount
from secantus_server.catalog.search_contents import SearchContents
from secantus_server.index._index import Index
from secantus_server.storage.lifetime import Lifetime

class RecordIds:
    def begin(self) -> None: ...
    def numbers(self, newest: Callable[[], int]) -> Iterator[int]: ...
    def restored(self) -> None: ...

class CollectionState:
    db: str
    name: str
    uuid: Binary
    ident: int
    options: dict[str, Any]
    indexes: list[Index]
    search_indexes: Sequence[dict[str, Any]]
    is_view: bool
    is_timeseries: bool
    is_capped: bool
    is_clustered: bool
    keeps_images: bool
    identity: bytes
    record_ids: RecordIds
    document_count: DocumentCount
    lifetime: Lifetime
    cached_plans: dict[str, Any]
    search_contents: SearchContents
    expanded_indexes: dict[Any, Any]
    sole_indexes: dict[str, Any]
    def __init__(
        self,
        db: str,
        name: str,
        uuid: Binary,
        ident: int,
        options: dict[str, Any],
        indexes: list[Index],
        search_indexes: Sequence[dict[str, Any]] = (),
    ) -> None: ...
