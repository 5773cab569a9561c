from collections.abc import Iterable

from secantus_server.mql.match._nodes import MatchExpression, PathMatch

class ElemMatch(PathMatch): ...

class ElemMatchObject(ElemMatch):
    child: MatchExpression
    def __init__(self, path: str, child: MatchExpression) -> None: ...

class ElemMatchValue(ElemMatch):
    children: tuple[MatchExpression, ...]
    def __init__(self, path: str, children: Iterable[MatchExpression]) -> None: ...
