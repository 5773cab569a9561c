from collections.abc import Sequence
from typing import Any

class KeyGenerator:
    paths: tuple[str, ...]
    directions: tuple[int, ...]
    collation: Any
    def __init__(self, pattern: Sequence[tuple[str, int]], collation: Any = None) -> None: ...
    def sort_key(self, doc: bytes) -> bytes: ...
    def keys(self, doc: bytes) -> tuple[list[bytes], bool, bool]: ...
