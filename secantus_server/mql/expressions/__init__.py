"""Aggregation expressions: parsed once, evaluated for each document.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/

Importing this package imports all its modules; each registers its operators, so a new family needs no entry here.
"""

from secantus_server.modules import import_modules
from secantus_server.mql.expressions._nodes import Constant, Expression, FieldPath, truthy
from secantus_server.mql.expressions.parser import parse_expression

import_modules(__name__, __path__)

__all__ = ["Constant", "Expression", "FieldPath", "parse_expression", "truthy"]
