"""Window functions: what `$setWindowFields` computes for each document from the documents around it.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/setWindowFields/

Importing this package imports all its modules, and each registers its functions.
"""

from secantus_server.modules import import_modules
from secantus_server.mql.windows.partition import Partition, SortOrder
from secantus_server.mql.windows.registry import WindowFunction, parse_window_field

import_modules(__name__, __path__)

__all__ = ["Partition", "SortOrder", "WindowFunction", "parse_window_field"]
