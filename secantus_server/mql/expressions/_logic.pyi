from collections.abc import Iterable

from secantus_server.mql.context import Collation
from secantus_server.mql.expressions._nodes import Expression

class Compare(Expression):
    operator: str
    def __init__(self, operator: str, first: Expression, second: Expression, collation: Collation | None = None) -> None: ...

class And(Expression):
    def __init__(self, operands: Iterable[Expression]) -> None: ...

class Or(Expression):
    def __init__(self, operands: Iterable[Expression]) -> None: ...

class Not(Expression):
    def __init__(self, operand: Expression) -> None: ...

class Cond(Expression):
    def __init__(self, condition: Expression, then: Expression, otherwise: Expression) -> None: ...

class IfNull(Expression):
    def __init__(self, operands: Iterable[Expression]) -> None: ...

class Switch(Expression):
    def __init__(self, cases: Iterable[Expression], results: Iterable[Expression], otherwise: Expression | None) -> None: ...
