"""A checkpoint that includes all tables, whether changed or not.

The last checkpoint of each table records the position from which the log applies to the table. If log files are missing, a new log may
begin before these positions, and a start would skip its records. WiredTiger's option `force` does not update the positions of unchanged
tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from secantus_server.storage.tables import NAMES

if TYPE_CHECKING:
    from secantus_server.storage.engine import Engine

#: A key that no table contains: idents begin at 1, the oplog's keys are timestamps, and other keys are names.
_UNUSED_KEY: Final = b"\0\0\0\0\0"


def checkpoint_all(engine: Engine) -> None:
    """Write a checkpoint of every table of a store. No other thread may use the store during the call."""
    with engine.transaction() as unit:
        for table in range(len(NAMES)):
            unit.put(table, _UNUSED_KEY, b"\0")
            unit.remove(table, _UNUSED_KEY)
    engine.checkpoint()
