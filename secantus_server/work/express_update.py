"""Parses the updates that the express lane runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secantus_server.bson import decode_unique
from secantus_server.bson.values import Date
from secantus_server.dispatch.memory_limits import memory_limits
from secantus_server.dispatch.services import Services
from secantus_server.modules import import_late
from secantus_server.mql.context import ParseContext
from secantus_server.mql.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from secantus_server.mql.update import Update

#: The operators whose result depends only on the document and the command.
PLAIN_OPERATORS = frozenset(
    ["$set", "$inc", "$unset", "$mul", "$min", "$max", "$push", "$addToSet", "$pop", "$rename", "$setOnInsert", "$bit"]
)


def parse_operators(services: Services, update: bytes) -> Update | None:
    """Return a parsed update.

    Return None if its result depends on more than the document, or on the array position that the query matched.

    Arguments:
        update: the update, as BSON bytes.

    Raises:
        CommandError: the update is invalid.
    """
    operators = decode_unique(update)
    if not operators or not PLAIN_OPERATORS.issuperset(operators):
        return None
    clock = services.clock
    ctx = ParseContext(
        Date(clock.now_ms()), services.document_time(), {}, None, clock.random, clock.object_id, True, False, False, clock.now_ms,
        None, None, memory_limits(services.parameters) if services.parameters else DEFAULT_LIMITS, None, None, None, services.release,
    )  # fmt: skip
    parsed: Update = import_late("secantus_server.mql.update").parse_update(operators, ctx)
    return None if parsed.needs_array_index else parsed
