"""Express plans: the single-stage plans that the output of `explain` shows in MongoDB 8 for an equality with at most one result.

https://www.mongodb.com/docs/manual/reference/explain-results/

The manual names the stages. All other facts here come from recorded outputs of 8.x servers. The single stage of an express plan includes
a limit and a simple projection, and shows three statistics. These queries have an express plan:

- an equality on `_id`;
- an equality on the field of a single-field unique index, which may be partial or sparse if it contains all matches;
- an equality on the first field of any index, with a limit of one.

A query has an ordinary plan if it has a skip, a hint, `min`, `max`, a tailable cursor, `returnKey`, `showRecordId`, a collation that
differs from the index's, a computed projection, or a sort. A sort does not matter for an equality on `_id`.
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
    """An express plan, which explain shows as a single stage.

    Arguments:
        scan: the scan for a single key.
        projection: the projection as the user wrote it, or None.
    """

    scan: PointScan
    projection: dict[str, Any] | None = None

    def open(self, scope: ReadScope) -> Documents:
        """Start executing the plan and return an iterator over its documents. The iterator reads in the scope's transactions."""
        return self.scan.open(scope)

    def explain(self) -> PlanStage:
        """Return the stage that explain shows for this plan node."""
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
    """The IDHACK plan, a lookup by `_id` for queries that have no express plan."""

    scan: IndexedScan

    def open(self, scope: ReadScope) -> Documents:
        """Start executing the plan and return an iterator over its documents. The iterator reads in the scope's transactions."""
        return self.scan.open(scope)

    def explain(self) -> PlanStage:
        """Return the stage that explain shows for this plan node."""
        return stage("IDHACK", {}, **_statistics(self.scan))


def _statistics(plan: PointScan) -> dict[str, Any]:
    scan = plan.scan
    if scan is None:
        return {"returned": None}
    keys = scan.keys_examined if isinstance(plan, IndexedScan) else 0
    return {"returned": scan.advanced, "works": scan.advanced, "counts": {"keysExamined": keys, "docsExamined": scan.docs_examined}}


def express_plan(plan: Plan, query: CanonicalQuery, projection: dict[str, Any] | None = None) -> Plan:
    """Return the express plan for a query, or the planner's plan unchanged if the query has no express plan.

    Arguments:
        plan: the planner's plan.
        projection: a simple projection as the user wrote it, or None.
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
    """Return the express plan if the query is an equality on `_id`, else None.

    Arguments:
        (as in express_plan)
    """
    found = point_scan(plan, query)
    if found is None or not _is_by_id(found):
        return None
    _fetch(found)
    return ExpressScan(found, projection or None)


def id_plan(plan: Plan, query: CanonicalQuery) -> Plan:
    """Return the IDHACK plan if the query is an equality on `_id`, else the planner's plan unchanged."""
    found = point_scan(plan, query)
    if found is None or not _is_by_id(found) or not isinstance(found, IndexedScan):
        return plan
    _fetch(found)
    return IdHack(found)


def point_scan(plan: Plan, query: CanonicalQuery) -> PointScan | None:
    """Return the plan's scan if it is a lookup of a single value of an index's first field, else None."""
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
    """Return the path of a filter that is a single equality, else None. `$in` with one value counts, as does `$and` with one equality."""
    while type(match) is And and len(match.children) == 1:
        match = match.children[0]
    if type(match) is In and len(match.operands) == 1 and not match.regexes:
        return str(match.path)
    return str(match.path) if type(match) is Comparison and match.operator == "$eq" else None


def _is_by_id(plan: PointScan) -> bool:
    return isinstance(plan, ClusteredScan) or plan.index.is_id


def _fetch(plan: PointScan) -> None:
    """Disable the plan's covered mode so that it reads documents, because MongoDB never covers a lookup by `_id`."""
    if isinstance(plan, IndexedScan):
        plan.covered = False
