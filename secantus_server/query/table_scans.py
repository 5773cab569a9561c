"""The parameter notablescan, which forbids collection scans.

https://www.mongodb.com/docs/manual/reference/parameters/#mongodb-parameter-param.notablescan
"""

from __future__ import annotations

from secantus_server.errors import CommandError
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.clustered import ClusteredScan
from secantus_server.query.plan import CollectionScan, Plan, Sort
from secantus_server.reserved_names import INTERNAL_DATABASES

# Databases of the server itself, whose collections may be scanned.


def check_scans_nothing(plan: Plan, query: CanonicalQuery) -> None:
    """Reject a plan that scans a collection. Scans remain allowed for queries without a filter and for system collections.

    Raises:
        CommandError: 291 NoQueryExecutionPlans.
    """
    while type(plan) is Sort:
        plan = plan.child
    if not query.filter or not isinstance(plan, CollectionScan | ClusteredScan) or (type(plan) is ClusteredScan and plan.bounds):
        return
    collection = plan.collection
    if collection.db in INTERNAL_DATABASES or collection.name.startswith("system."):
        return
    if query.natural:
        raise CommandError(291, "hint $natural is not allowed, because 'notablescan' is enabled")
    text = "No indexed plans available, and running with 'notablescan'"
    raise CommandError(291, f"error processing query: ns={collection.namespace}: planner returned error :: caused by :: {text}")
