"""Aggregation expressions: a value computed from a document.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/

Importing this package imports all its modules, and each registers its operators: a new family needs no entry here.
"""

from importlib import import_module
from pkgutil import walk_packages

from secantus_server.mql.expressions._nodes import Constant, Expression, FieldPath, truthy
from secantus_server.mql.expressions.parser import parse_expression

for _module in walk_packages(__path__, __name__ + "."):
    import_module(_module.name)

__all__ = ["Constant", "Expression", "FieldPath", "parse_expression", "truthy"]
