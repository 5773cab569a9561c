"""The metadata of documents: values that a query computes for a document and that are not among its fields. `$meta` reads them.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/meta/
"""

from __future__ import annotations

from typing import Any

#: The keywords whose values depend on how the documents are read, not on the query.
ALWAYS_AVAILABLE = frozenset(["indexKey", "recordId", "sortKey"])
#: The keywords for which `score` may stand, starting with the most specific one.
SCORES = ("score", "textScore", "geoNearDistance")
#: The keywords that the pipeline of a view may produce.
OF_VIEWS = frozenset(["textScore", "geoNearDistance", "geoNearPoint"])
_NOTHING: dict[str, Any] = {}


class Metadata:
    """The metadata of the documents of one query or pipeline.

    While a document is processed, `values` contains its metadata. A stage that produces or reorders documents replaces the dict `values`
    before each document, so code that reads several documents may keep earlier dicts.

    `available`: the keywords that a source of the documents produces. `wanted`: the keywords that any `$meta` reads; if there are none,
    `values` need not be set. `reads`: the number of `$meta` expressions parsed so far. `is_lost`: whether the documents at the current
    stage of the pipeline are new ones, without metadata. `is_mixed_up`: whether `values` may belong to another document than the current
    one, because a stage has read several documents in advance.
    """

    __slots__ = ("available", "is_lost", "is_mixed_up", "reads", "values", "wanted")

    def __init__(self) -> None:
        self.available: set[str] = set()
        self.wanted: set[str] = set()
        self.values: dict[str, Any] = _NOTHING
        self.reads = 0
        self.is_lost = False
        self.is_mixed_up = False

    def score_keyword(self) -> str | None:
        """Return the keyword for which `score` stands, or None if the documents have no score."""
        return next((keyword for keyword in SCORES if keyword in self.available), None)

    def lose(self) -> None:
        """Record that the documents have no metadata in the stages that are parsed from now on."""
        self.available.clear()
        self.is_lost, self.is_mixed_up = True, False
