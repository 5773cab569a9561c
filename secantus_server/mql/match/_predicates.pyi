from collections.abc import Iterable

from secantus_server.mql.match._nodes import PathMatch

class Exists(PathMatch):
    def __init__(self, path: str) -> None: ...

class TypeMatch(PathMatch):
    codes: list[int]
    def __init__(self, path: str, codes: Iterable[int]) -> None: ...

class Size(PathMatch):
    size: int
    def __init__(self, path: str, size: int) -> None: ...

class Mod(PathMatch):
    divisor: int
    remainder: int
    def __init__(self, path: str, divisor: int, remainder: int) -> None: ...

class Bits(PathMatch):
    operator: str
    positions: list[int]
    def __init__(self, path: str, operator: str, positions: Iterable[int]) -> None: ...
