"""Window functions: what `$setWindowFields` computes for each document from the documents around it.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/setWindowFields/

Importing this package imports all its modules, and each registers its functions.
"""

from importlib import import_module
from pkgutil import iter_modules

from secantus_server.mql.windows.partition import Partition, SortOrder
from secantus_server.mql.windows.registry import WindowFunction, parse_window_field

for _module in iter_modules(__path__, __name__ + "."):
    import_module(_module.name)

__all__ = ["Partition", "SortOrder", "WindowFunction", "parse_window_field"]
