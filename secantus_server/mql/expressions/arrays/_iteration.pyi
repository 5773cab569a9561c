from collections.abc import Callable
from typing import Any, NoReturn

from secantus_server.mql.context import Cell
from secantus_server.mql.expressions._nodes import Expression

class Filter(Expression):
    def __init__(
        self,
        input: Expression,
        cell: Cell,
        body: Expression,
        refuse: Callable[[Any], NoReturn],
        index: Cell | None,
        limit: Expression | None,
        count: Callable[[Any], int],
    ) -> None: ...

class Map(Expression):
    def __init__(self, input: Expression, cell: Cell, body: Expression, refuse: Callable[[Any], NoReturn], index: Cell | None) -> None: ...

class Reduce(Expression):
    def __init__(
        self,
        input: Expression,
        cell: Cell,
        body: Expression,
        refuse: Callable[[Any], NoReturn],
        index: Cell | None,
        total: Cell,
        initial: Expression,
    ) -> None: ...
