"""Aggregation expressions. An expression is parsed once and evaluated for each document.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/

All modules of this package are imported when an operator is first looked up. Each module registers its operators, so a new module needs no
entry here.
"""

from secantus_server.modules import module_names
from secantus_server.mql.expressions._nodes import Constant, Expression, FieldPath, truthy
from secantus_server.mql.expressions.parser import parse_expression
from secantus_server.mql.expressions.registry import MODULES

MODULES.extend(module_names(__name__, __path__))

__all__ = ["Constant", "Expression", "FieldPath", "parse_expression", "truthy"]
