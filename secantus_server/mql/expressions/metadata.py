"""`$meta`: a document's metadata.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/meta/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.registry import operator_parser

# Metadata that only certain queries produce, and its name in MongoDB's error message.
FROM_THE_QUERY = {
    "textScore": "text score",
    "geoNearDistance": "$geoNear distance",
    "geoNearPoint": "$geoNear point",
}
# Metadata that only Atlas Search and time series produce: always missing here.
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
OTHERS = ("indexKey", "recordId", "sortKey")


@operator_parser("$meta")
def parse_meta(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$meta: keyword`; the context knows the metadata that the documents have at this place.

    Raises:
        CommandError: 17307 if the keyword is not a string, 17308 if it is unknown, 40218 if MongoDB reports that the metadata is
            not available, 238 if MongoDB would return it.
    """
    if type(argument) is not str:
        raise CommandError(17307, "$meta only supports string arguments")
    if ctx.metadata is not None and argument in ctx.metadata:
        found: Expression | None = ctx.metadata[argument]
        if found is None:
            raise not_supported(f"{{$meta: '{argument}'}} at this place", "read it directly behind the stage that produces it")
        return found
    if argument in FROM_THE_QUERY:
        raise CommandError(40218, f"query requires {FROM_THE_QUERY[argument]} metadata, but it is not available")
    # Only $sample produces it, and then the context has it.
    if argument in NEVER_THERE or argument == "randVal":
        return Constant(MISSING)
    if argument in OTHERS:
        raise not_supported(f"{{$meta: '{argument}'}}", "compute the value from the document's fields")
    raise CommandError(17308, f"Unsupported argument to $meta: {argument}")
