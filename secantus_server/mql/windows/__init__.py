"""Window functions. `$setWindowFields` computes them for each document over a window of the document's partition.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/setWindowFields/

Importing this package imports all its modules. Each module registers its functions.
"""

from secantus_server.modules import import_modules
from secantus_server.mql.windows.partition import Partition, SortOrder
from secantus_server.mql.windows.registry import WindowFunction, parse_window_field

import_modules(__name__, __path__)

__all__ = ["Partition", "SortOrder", "WindowFunction", "parse_window_field"]
