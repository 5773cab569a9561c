"""Accumulators: what `$group` and its relatives compute over many documents.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/group/

Importing this package imports all its modules, and each registers its accumulators.
"""

from importlib import import_module
from pkgutil import iter_modules

from secantus_server.mql.accumulators._states import State
from secantus_server.mql.accumulators.registry import Accumulator, parse_accumulator

for _module in iter_modules(__path__, __name__ + "."):
    import_module(_module.name)

__all__ = ["Accumulator", "State", "parse_accumulator"]
