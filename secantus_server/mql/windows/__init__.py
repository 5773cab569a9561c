"""Window functions, which `$setWindowFields` computes for each document over a range of documents in the same partition.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/setWindowFields/

Importing this package registers all of them, because it imports its modules.
"""

from secantus_server.modules import import_modules
from secantus_server.mql.windows.partition import Partition, SortOrder
from secantus_server.mql.windows.registry import WindowFunction, parse_window_field

import_modules(__name__, __path__)

__all__ = ["Partition", "SortOrder", "WindowFunction", "parse_window_field"]
