"""The expression `$meta`, which returns metadata of a document, such as its text score.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/meta/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.metadata import Metadata

# The metadata that only certain queries produce, with its name in MongoDB's error message.
FROM_THE_QUERY = {
    "textScore": "text score",
    "geoNearDistance": "$geoNear distance",
    "geoNearPoint": "$geoNear point",
}
# The metadata that a search or a fusion of searches produces. It is missing for documents from other sources.
FROM_A_SEARCH = ("score", "scoreDetails", "searchScore", "vectorSearchScore")
# The metadata that only MongoDB Search and time series produce. It is always missing in this server.
NEVER_THERE = (
    "searchHighlights",
    "searchScoreDetails",
    "searchSequenceToken",
    "timeseriesBucketMaxTime",
    "timeseriesBucketMinTime",
)
OTHERS = ("indexKey", "randVal", "recordId", "sortKey")


class Metadatum(Expression):
    """The expression node of `$meta`, which returns one metadata value of the current document.

    Arguments:
        metadata: the metadata of the query or pipeline.
        keyword: the argument of `$meta`.
    """

    def __init__(self, metadata: Metadata, keyword: str) -> None:
        self.metadata = metadata
        self.keyword = keyword

    def evaluate(self, doc: bytes) -> Any:
        """Return the metadata value, or MISSING if the document has none."""
        return self.metadata.values.get(self.keyword, MISSING)


@operator_parser("$meta")
def parse_meta(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$meta: keyword`. The context determines which metadata is available at this stage.

    Raises:
        CommandError: 17307 if the keyword is not a string, 17308 if it is unknown, 40218 if MongoDB reports that the metadata is not
            available, 238 if MongoDB would return the metadata but Secantus cannot.
    """
    if type(argument) is not str:
        raise CommandError(17307, "$meta only supports string arguments")
    if argument in NEVER_THERE:
        return Constant(MISSING)
    if argument in FROM_A_SEARCH:
        return search_metadatum(argument, ctx)
    if argument not in FROM_THE_QUERY and argument not in OTHERS:
        raise CommandError(17308, f"Unsupported argument to $meta: {argument}")
    return metadatum(argument, ctx)


def search_metadatum(keyword: str, ctx: ParseContext) -> Expression:
    """Return the expression for a `$meta` keyword whose metadata is produced by a search or by the fusion of several searches.

    The keyword `score` refers to whatever score the documents have, regardless of its source.

    Raises:
        CommandError: 40218 for `scoreDetails` if the documents have a score without details, 238 if MongoDB would return the metadata but
            Secantus cannot.
    """
    metadata = ctx.metadata
    found = keyword
    if metadata is not None and keyword == "scoreDetails" and "score" in metadata.available and keyword not in metadata.available:
        raise CommandError(40218, "query requires scoreDetails metadata, but it is not available")
    if metadata is not None and keyword == "score":
        found = metadata.score_keyword() or keyword
    if metadata is None or found not in metadata.available:
        return Constant(MISSING)
    return metadatum(found, ctx)


def metadatum(keyword: str, ctx: ParseContext) -> Expression:
    """Return the expression for a known keyword of `$meta`.

    Raises:
        CommandError: 40218 if MongoDB reports that the metadata is not available, 238 if MongoDB would return the metadata but Secantus
            cannot.
    """
    metadata = ctx.metadata
    if keyword in FROM_THE_QUERY and (metadata is None or keyword not in metadata.available):
        raise CommandError(40218, f"query requires {FROM_THE_QUERY[keyword]} metadata, but it is not available")
    if metadata is None:
        if keyword == "randVal":
            return Constant(MISSING)
        raise not_supported(f"{{$meta: '{keyword}'}} at this place", "compute the value from the document's fields")
    if metadata.is_lost or (keyword == "randVal" and keyword not in metadata.available):
        return Constant(MISSING)
    if metadata.is_mixed_up:
        raise not_supported(f"{{$meta: '{keyword}'}} at this place", "keep it in a field before the stage that reads several documents")
    metadata.wanted.add(keyword)
    metadata.reads += 1
    return Metadatum(metadata, keyword)
