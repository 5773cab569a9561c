"""Express plans: what MongoDB 8 shows for an equality that at most one document answers.

https://www.mongodb.com/docs/manual/reference/explain-results/

The manual names the stages. Recorded outputs of 8.x servers give the rest: the stage is alone in the plan, a limit and a simple
projection are part of it, and its statistics are three numbers. It is the plan of

- an equality on `_id`;
- an equality on the field of a unique index of one field, partial and sparse indexes included where they hold all matches;
- an equality on the first field of any index, with a limit of one.

A skip, a hint, `min`, `max`, a tailable cursor, `returnKey`, `showRecordId`, another collation than the index's, a sort (but for `_id`,
where one document needs no order) and a projection that computes something lead to an ordinary plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secantus_server.bson.shell import document_text
from secantus_server.exec.read_scope import ReadScope
from secantus_server.mql.match import And, Comparison, In
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.clustered import ClusteredScan
from secantus_server.query.plan import Documents, IndexedScan, Plan, Sort
from secantus_server.query.stages import PlanStage, stage

PointScan = IndexedScan | ClusteredScan


@dataclass
class ExpressScan(Plan):
    """One key of an index and its document.

    Arguments:
        scan: what reads them.
        projection: what the stage shows of the document, as the user wrote it, or None.
    """

    scan: PointScan
    projection: dict[str, Any] | None = None

    def open(self, scope: ReadScope) -> Documents:
        """Begin to read."""
        return self.scan.open(scope)

    def describe(self) -> PlanStage:
        """The node as explain shows it."""
        name, shape = "EXPRESS_CLUSTERED_IXSCAN", dict[str, Any]()
        if isinstance(self.scan, IndexedScan):
            index = self.scan.index
            name, shape = "EXPRESS_IXSCAN", {"keyPattern": document_text(index.spec["key"]), "indexName": index.name}
        if self.projection is not None:
            covered = isinstance(self.scan, IndexedScan) and self.scan.covered
            shape |= {"projection": self.projection, "projectionCovered": covered}
        return stage(name, shape, brief=True, **_statistics(self.scan))


@dataclass
class IdHack(Plan):
    """The document of an `_id`, for what an express plan cannot do."""

    scan: IndexedScan

    def open(self, scope: ReadScope) -> Documents:
        """Begin to read."""
        return self.scan.open(scope)

    def describe(self) -> PlanStage:
        """The node as explain shows it."""
        return stage("IDHACK", {}, **_statistics(self.scan))


def _statistics(plan: PointScan) -> dict[str, Any]:
    scan = plan.scan
    if scan is None:
        return {"returned": None}
    keys = scan.keys_examined if isinstance(plan, IndexedScan) else 0
    return {"returned": scan.advanced, "works": scan.advanced, "counts": {"keysExamined": keys, "docsExamined": scan.docs_examined}}


def express_plan(plan: Plan, query: CanonicalQuery, projection: dict[str, Any] | None = None) -> Plan:
    """The express plan that stands for the planner's plan, or that plan itself where there is none.

    Arguments:
        plan: the planner's.
        projection: what the user wrote, or None; a simple one.
    """
    by_id = express_by_id(plan, query, projection)
    if by_id is not None:
        return by_id
    found = point_scan(plan, query)
    if query.sort is not None or not isinstance(found, IndexedScan):
        return plan
    single = found.index.unique and len(found.index.parts) == 1
    return ExpressScan(found, projection or None) if single or query.limit == 1 else plan


def express_by_id(plan: Plan, query: CanonicalQuery, projection: dict[str, Any] | None = None) -> ExpressScan | None:
    """The express plan of a query by `_id`, or None for any other query.

    Arguments:
        (as in express_plan)
    """
    found = point_scan(plan, query)
    if found is None or not _is_by_id(found):
        return None
    _fetch(found)
    return ExpressScan(found, projection or None)


def id_plan(plan: Plan, query: CanonicalQuery) -> Plan:
    """The plan by `_id` of a query that is no express one, or the planner's plan where the query is another."""
    found = point_scan(plan, query)
    if found is None or not _is_by_id(found) or not isinstance(found, IndexedScan):
        return plan
    _fetch(found)
    return IdHack(found)


def point_scan(plan: Plan, query: CanonicalQuery) -> PointScan | None:
    """The scan of a plan that reads nothing but the entries of one value of an index's first field."""
    if query.skip or query.hint or query.natural or query.min or query.max or query.tailing or query.return_key or query.show_record_id:
        return None
    path = equality_path(query.match)
    found = plan.child if isinstance(plan, Sort) else plan
    if isinstance(found, ClusteredScan):
        return found if path == "_id" and found.bounds is not None else None
    if path is None or not isinstance(found, IndexedScan) or found.match is not None or found.key_filter is not None:
        return None
    index = found.index
    same = index.generator is not None and index.generator.collation == query.context.collation
    return found if same and index.kind.is_ordered and index.parts[0][0] == path else None


def equality_path(match: Any) -> str | None:
    """The path of a filter that is one equality, or None; `$in` with one value and `$and` with one condition are none else."""
    while type(match) is And and len(match.children) == 1:
        match = match.children[0]
    if type(match) is In and len(match.operands) == 1 and not match.regexes:
        return str(match.path)
    return str(match.path) if type(match) is Comparison and match.operator == "$eq" else None


def _is_by_id(plan: PointScan) -> bool:
    return isinstance(plan, ClusteredScan) or plan.index.is_id


def _fetch(plan: PointScan) -> None:
    """A lookup by `_id` reads the document even where the key alone would do."""
    if isinstance(plan, IndexedScan):
        plan.covered = False
