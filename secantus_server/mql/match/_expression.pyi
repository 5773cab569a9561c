from collections.abc import Callable
from typing import Any

from secantus_server.bson.values import JavaScript
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.match._nodes import MatchExpression

class ExprMatch(MatchExpression):
    expression: Expression
    spec: Any
    def __init__(self, expression: Expression, spec: Any) -> None: ...

class SampleRate(MatchExpression):
    rate: float
    def __init__(self, rate: float, random: Callable[[], float]) -> None: ...

class TextNode(MatchExpression):
    search: Any
    spec: dict[str, Any]
    def __init__(self, search: Any, spec: dict[str, Any]) -> None: ...

class TextMatch(TextNode): ...
class TextResidual(TextNode): ...

class Where(MatchExpression):
    code: JavaScript
    def __init__(self, predicate: Callable[[bytes], bool], code: JavaScript) -> None: ...
