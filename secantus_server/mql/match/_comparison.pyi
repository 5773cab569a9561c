from collections.abc import Iterable
from typing import Any

from secantus_server.mql.context import Collation
from secantus_server.mql.match._nodes import PathMatch
from secantus_server.mql.match._regex import RegexMatch

class Comparison(PathMatch):
    operator: str
    operand: Any
    collation: Collation | None
    def __init__(
        self, path: str, operator: str, operand: Any, collation: Collation | None = None, null_through_arrays: bool = False
    ) -> None: ...

class In(PathMatch):
    operands: list[Any]
    regexes: tuple[RegexMatch, ...]
    collation: Collation | None
    def __init__(
        self,
        path: str,
        operands: Iterable[Any],
        regexes: Iterable[RegexMatch] = (),
        collation: Collation | None = None,
        null_through_arrays: bool = False,
    ) -> None: ...

def holds_text(value: Any) -> bool: ...
