"""Parses the updates that the express lane runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secantus_server.bson import decode_unique
from secantus_server.modules import import_late
from secantus_server.mql.context import ParseContext

if TYPE_CHECKING:
    from secantus_server.mql.update import Update

#: The operators whose result depends only on the document and the command.
PLAIN_OPERATORS = frozenset(
    ["$set", "$inc", "$unset", "$mul", "$min", "$max", "$push", "$addToSet", "$pop", "$rename", "$setOnInsert", "$bit"]
)
# Of a context, these operators read nothing but the collation, which is the simple one. Making a context takes half of the time of a parse.
_CONTEXT = ParseContext()


def parse_operators(update: bytes) -> Update | None:
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
    parsed: Update = import_late("secantus_server.mql.update").parse_update(operators, _CONTEXT)
    return None if parsed.needs_array_index else parsed
