"""Plans for `$text`, which require the collection's text index.

https://www.mongodb.com/docs/manual/reference/operator/query/text/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.errors import CommandError
from secantus_server.exec._scan import IndexScan, next_prefix
from secantus_server.exec.read_scope import ReadScope
from secantus_server.exec.scored import ScoredDocuments
from secantus_server.index._index import Index
from secantus_server.index.kinds.text import prefix_of, score_and_owner, term_key, unique_score_and_owner
from secantus_server.mql.match import And, Or, TextMatch, TextResidual
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.implication import implies
from secantus_server.query.plan import Documents, Plan
from secantus_server.query.predicates import conjuncts, predicate_of
from secantus_server.query.stages import PlanStage, stage


def text_of(match: Any) -> Any:
    """Return the `$text` node among the conjuncts of a filter, or None."""
    return next((node for node in conjuncts(match) if type(node) is TextMatch), None)


def has_text_search(match: Any) -> bool:
    """Return whether a filter contains a `$text`, either as a conjunct or inside an `$or`."""
    return any(type(node) is TextMatch or (type(node) is Or and any(map(has_text_search, node.children))) for node in conjuncts(match))


@dataclass
class TextSearchPlan(Plan):
    """A plan that uses the text index to find the documents with any of the search terms, and then applies the rest of the filter.

    Arguments:
        node: the `$text` node.
        prefix: the values that the filter requires for the fields before the text fields.
        start: the common prefix of all keys with these values.
        residual: the part of the `$text` that the index cannot decide, or None.
        others: the filter without the `$text`, or None.
        scored: whether the query needs the documents' scores.
        seen: the RecordIds that all scans of a union have already returned, or None outside a union.
    """

    collection: Collection
    index: Index
    node: Any
    prefix: dict[str, Any]
    start: bytes
    residual: Any
    others: Any
    scored: bool
    seen: set[int] | None = field(default=None, compare=False)
    scan: Any = field(default=None, compare=False)

    @property
    def is_loose(self) -> bool:
        """Always False, because the plan is unlikely to read most of the index."""
        return False

    @property
    def match(self) -> Any:
        """The filter that the fetched documents must match, or None."""
        parts = [part for part in (self.residual, self.others) if part is not None]
        return And(parts) if len(parts) > 1 else parts[0] if parts else None

    @property
    def intervals(self) -> list[tuple[bytes, bytes]]:
        """The range of keys for each term, as (lower, upper) pairs with an exclusive upper end."""
        starts = [self.start + term_key(term) for term in self.node.search.terms]
        return [(low, _next(low)) for low in starts]

    def open(self, scope: ReadScope) -> Documents:
        """Start executing the plan and return an iterator over its documents. The iterator reads in the scope's transactions."""
        self.index.uses += 1
        if self.scored:
            read = unique_score_and_owner if self.index.unique else score_and_owner
            self.scan = ScoredDocuments(self.index, self.intervals, self.collection, self.match, self.node, read, scope.check)
        else:
            dedupe: Any = self.index.multikey if self.seen is None else self.seen
            # Scan backwards, so that the best matches of a single term come first.
            self.scan = IndexScan(self.index, self.intervals[::-1], self.collection.ident, self.match, scope.check, True, dedupe)
            self.scan.collection = self.collection
        documents: Documents = scope.open(self.scan)
        return documents

    def entries(self) -> PlanStage:
        """Return the stages below FETCH, which scan the index for the terms."""
        scans = [self._scan_stage(number) for number in range(len(self.node.search.terms))]
        if len(scans) == 1 and not self.scored:
            return scans[0]
        counts = {} if self.scan is None else {"docsExamined": self.scan.docs_examined} if self.scored else {}
        returned = None if self.scan is None else max(self.scan.advanced, self.scan.docs_examined)
        works = 0 if self.scan is None else self.scan.keys_examined
        return stage("TEXT_OR" if self.scored else "OR", {}, returned=returned, works=works, counts=counts, inputs=scans)

    def _scan_stage(self, number: int) -> PlanStage:
        shape = {
            "keyPattern": self.index.spec["key"],
            "indexName": self.index.name,
            "isMultiKey": self.index.multikey,
            "isUnique": self.index.unique,
            "isSparse": self.index.sparse,
            "isPartial": self.index.partial_filter is not None,
            "indexVersion": self.index.spec.get("v", 2),
            "direction": "backward",
            "indexBounds": {},
        }
        if self.scan is None:
            return stage("IXSCAN", shape)
        # The scan only has one count for the keys of all terms; show it for the first term.
        examined = self.scan.keys_examined if number == 0 else 0
        counts = {"keysExamined": examined, "seeks": 1, "dupsTested": examined, "dupsDropped": self.scan.duplicates if number == 0 else 0}
        return stage("IXSCAN", shape, returned=examined, works=examined, counts=counts)

    def explain(self) -> PlanStage:
        """Return the stage that explain shows for this plan node."""
        scan = self.scan
        fetched = self.entries()
        returned, examined = (None, 0) if scan is None else (scan.advanced, scan.docs_examined)
        if not self.scored:
            counts = {} if scan is None else {"docsExamined": examined, "alreadyHasObj": 0}
            fetched = stage("FETCH", {}, returned=None if scan is None else examined, works=fetched.works, counts=counts, inputs=[fetched])
        shape = {
            "indexPrefix": self.prefix,
            "indexName": self.index.name,
            "parsedTextQuery": self.node.search.parsed(),
            "textIndexVersion": self.node.search.definition.version,
        }
        counts = {} if scan is None else {"docsRejected": examined - scan.advanced}
        found = stage("TEXT_MATCH", shape, returned=returned, works=fetched.works, counts=counts, inputs=[fetched])
        if self.others is None:
            return found
        counts = {} if scan is None else {"docsExamined": 0, "alreadyHasObj": scan.advanced}
        return stage("FETCH", {}, filter=self.others, returned=returned, works=fetched.works, counts=counts, inputs=[found])


def _next(prefix: bytes) -> bytes:
    following = next_prefix(prefix)
    assert following is not None, "a term's key ends with a null byte"
    return following


def plan_text(collection: Collection, query: CanonicalQuery, node: Any) -> TextSearchPlan:
    """Return the plan for a filter with a `$text` among its conjuncts.

    Arguments:
        query: the query; only its `match` and `context` are used.
        node: the `$text` node.

    Raises:
        CommandError: 291 NoQueryExecutionPlans in three cases: the index is hidden, it is partial and may miss matches, or the filter
            does not fix all fields before the text fields.
    """
    index = next((index for index in collection.indexes if index.kind.serves_text), None)
    assert index is not None, "the parser has found the text index"
    nodes = conjuncts(query.match)
    others = [other for other in nodes if other is not node]
    prefix, start = _prefix(index, others, collection.namespace)
    if index.hidden or (index.partial_filter is not None and not implies(others, index.partial_filter)):
        raise no_text_plan(collection.namespace)
    residual = TextResidual(node.search, node.spec) if node.search.needs_texts else None
    rest = None if not others else others[0] if len(others) == 1 else And(others)
    metadata = query.context.metadata
    scored = metadata is not None and "textScore" in metadata.wanted
    return TextSearchPlan(collection, index, node, prefix, start, residual, rest, scored)


def _prefix(index: Index, others: list[Any], namespace: str) -> tuple[dict[str, Any], bytes]:
    """Return the values to which the filter fixes the fields before the text fields, and the concatenated keys of these values."""
    values: dict[str, Any] = {}
    start = b""
    for path in prefix_of(index.spec):
        found = [predicate for other in others if (predicate := predicate_of(other, None)) is not None and predicate.path == path]
        points = [one for predicate in found if len(predicate.intervals) == 1 and (one := predicate.intervals[0]).is_point]
        if not points:
            raise no_text_plan(namespace)
        values[path] = points[0].low_end.value
        start += points[0].low
    return values, start


def no_text_plan(namespace: str) -> CommandError:
    """Return the error for a `$text` that the text index cannot serve."""
    return CommandError(
        291,
        f"error processing query: ns={namespace}: planner returned error :: caused by :: failed to use text index to satisfy $text query "
        "(if text index is compound, are equality predicates given for all prefix fields?)",
    )
