"""The metadata of documents, which are values that a query computes for a document in addition to its fields. `$meta` reads them.

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
    """The metadata of the documents in one query or pipeline.

    While a document is processed, `values` contains its metadata. Before each document, a stage that produces or reorders documents
    replaces the dict `values` by a new one. Therefore code that reads several documents may store earlier dicts.

    Attributes:
        available: the keywords that a source of the documents produces.
        wanted: the keywords that any `$meta` reads. If it is empty, `values` need not be set.
        values: the metadata of the current document, by keyword.
        reads: the number of `$meta` expressions parsed so far.
        is_lost: whether the documents at the current stage of the pipeline are new ones, without metadata.
        is_mixed_up: whether `values` may belong to a document other than the current one, because a stage has read several documents in
            advance.
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
        """Return the keyword whose metadata `{$meta: "score"}` returns, or None if the documents have no score."""
        return next((keyword for keyword in SCORES if keyword in self.available), None)

    def lose(self) -> None:
        """Record that the documents have no metadata in subsequent stages."""
        self.available.clear()
        self.is_lost, self.is_mixed_up = True, False
