from collections.abc import Callable

from typing_extensions import Self

FLOATS: int
BYTES: int
BITS: int
COSINE: int
DOT_PRODUCT: int
EUCLIDEAN: int

class Rows:
    representation: int
    dimensions: int
    count: int
    keys: list[bytes]
    def __new__(cls, representation: int, dimensions: int) -> Self: ...
    def nearest(self, query: bytes, similarity: int, limit: int, check: Callable[[], None]) -> list[tuple[bytes, float]]: ...

class VectorPack:
    def __init__(self, path: str, dimensions: int, similarity: int) -> None: ...
    def rows(self, representation: int) -> Rows: ...
    def add(self, key: bytes, document: bytes) -> None: ...
