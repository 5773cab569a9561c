from typing import Any

from secantus_server.index.kinds.kind import IndexKind
from secantus_server.mql._keys import KeyGenerator

def ident_prefix(ident: int) -> bytes: ...

class Index:
    name: str
    spec: dict[str, Any]
    ident: int
    prefix: bytes
    kind: IndexKind
    unique: bool
    sparse: bool
    is_id: bool
    parts: list[tuple[str, int]]
    point_path: str | None
    partial_filter: Any
    generator: KeyGenerator | None
    multikey: bool
    marks: set[bytes]
    knows_marks: bool
    dropped: bool
    uses: int
    def __init__(
        self,
        spec: dict[str, Any],
        ident: int,
        kind: IndexKind,
        generator: KeyGenerator | None,
        partial_filter: Any,
        multikey: bool,
        guard: Any = None,
        extract: Any = None,
    ) -> None: ...
    @property
    def stores_entries(self) -> bool: ...
    @property
    def hidden(self) -> bool: ...
    def entries(self, doc: bytes, record_id: int) -> tuple[list[tuple[bytes, bytes]], bool]: ...
    def owner(self, key: bytes, value: bytes) -> int: ...
    def check_prepared(self, ru: Any, keys: list[bytes], doc: bytes, but_not: list[bytes] | None) -> None: ...
    def values(self, doc: bytes) -> list[Any]: ...
