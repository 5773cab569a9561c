"""The accumulators of `$group`, `$bucket` and `$setWindowFields`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/group/

Importing this package registers all of them, because it imports its modules.
"""

from secantus_server.modules import import_modules
from secantus_server.mql.accumulators._states import State
from secantus_server.mql.accumulators.registry import Accumulator, parse_accumulator

import_modules(__name__, __path__)

__all__ = ["Accumulator", "State", "parse_accumulator"]
