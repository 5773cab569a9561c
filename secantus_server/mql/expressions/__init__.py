"""Aggregation expressions. An expression is parsed once and evaluated for each document.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/

The first lookup of an operator imports all modules of this package, and each module registers its operators. Therefore a new module needs
no entry here.
"""

from secantus_server.modules import module_names
from secantus_server.mql.expressions._nodes import Constant, Expression, FieldPath, truthy
from secantus_server.mql.expressions.parser import parse_expression
from secantus_server.mql.expressions.registry import MODULES

MODULES.extend(module_names(__name__, __path__))

__all__ = ["Constant", "Expression", "FieldPath", "parse_expression", "truthy"]
