"""`$meta`: what the server knows of a document beside its fields.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/meta/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.registry import operator_parser

# What only certain queries produce, and what MongoDB calls it in its error.
FROM_THE_QUERY = {
    "textScore": "text score",
    "geoNearDistance": "$geoNear distance",
    "geoNearPoint": "$geoNear point",
}
# What only Atlas Search and time series produce: no document here has it.
NEVER_THERE = (
    "score",
    "scoreDetails",
    "searchHighlights",
    "searchScore",
    "searchScoreDetails",
    "searchSequenceToken",
    "timeseriesBucketMaxTime",
    "timeseriesBucketMinTime",
    "vectorSearchScore",
)
OTHERS = ("indexKey", "randVal", "recordId", "sortKey")


@operator_parser("$meta")
def parse_meta(argument: Any, _ctx: ParseContext) -> Expression:
    """Parses a keyword; documents carry no metadata here, and no query makes a text score or distance.

    Raises:
        CommandError: 17307 for what is no string, 17308 for an unknown keyword, 40218 and 238 for what MongoDB would have.
    """
    if type(argument) is not str:
        raise CommandError(17307, "$meta only supports string arguments")
    if argument in FROM_THE_QUERY:
        raise CommandError(40218, f"query requires {FROM_THE_QUERY[argument]} metadata, but it is not available")
    if argument in NEVER_THERE:
        return Constant(MISSING)
    if argument in OTHERS:
        raise not_supported(f"{{$meta: '{argument}'}}", "compute the value from the document's fields")
    raise CommandError(17308, f"Unsupported argument to $meta: {argument}")
