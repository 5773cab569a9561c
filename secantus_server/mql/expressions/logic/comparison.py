"""The operators `$eq`, `$ne`, `$lt`, `$lte`, `$gt`, `$gte` and `$cmp`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#comparison-expression-operators
"""

from __future__ import annotations

from typing import Any

from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.logic._logic import Compare
from secantus_server.mql.expressions.parser import fold, parse_arguments
from secantus_server.mql.expressions.registry import operator_parser


def _register(name: str) -> None:
    @operator_parser(name)
    def parse(argument: Any, ctx: ParseContext) -> Expression:
        first, second = parse_arguments(name, argument, ctx, 2, 2)
        return fold(Compare(name, first, second, ctx.collation))


for _name in ("$eq", "$ne", "$lt", "$lte", "$gt", "$gte", "$cmp"):
    _register(_name)
