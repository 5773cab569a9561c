"""The types of what the plans of a command have examined, and the summary of these plans; see `_plan_notes`."""

from __future__ import annotations

from typing import Any

from secantus_server.bson.shell import document_text
from secantus_server.records import NamedTuple

#: The name of a scan in explain, and the key pattern of its index or None.
ScanName = tuple[str, dict[str, Any] | None]

#: The counts of what plans have examined so far:
#: - index keys
#: - documents
#: - documents read by scans of a whole collection with a filter, which an index could serve
#: - documents of these scans that did not match
#: - documents sorted in memory because no index has their order
Examined = tuple[int, int, int, int, int]


class Wanted(NamedTuple):
    """A query that an index could have served.

    Arguments:
        collection: the name of the collection that was read, which for a view is its source.
        filter: the filter of the plan, which includes what views and pipelines push down to it.
        sort: the sort, or an empty document.
        hinted: whether a hint chose the index or the scan.
        indexes: the descriptions of the collection's indexes.
        scanned: whether the collection was scanned. Otherwise its documents were only sorted.
    """

    collection: str
    filter: dict[str, Any]
    sort: dict[str, Any]
    hinted: bool
    indexes: tuple[dict[str, Any], ...]
    scanned: bool


#: The collection, filter, parsed sort, `hinted` and `scanned` of a `Wanted`, which the command log keeps for each slow command.
Slow = tuple[Any, dict[str, Any], Any, bool, bool]


def wanted_of(collection: Any, filter: dict[str, Any], sort: Any, hinted: bool, scanned: bool) -> Wanted:
    """Return the description of a slow query, given the values of a `Slow`."""
    shown = {} if sort is None else sort.shown
    return Wanted(collection.name, filter, shown, hinted, tuple([index.spec for index in collection.indexes]), scanned)


def plan_summary(stages: tuple[ScanName, ...]) -> str:
    """Return the plan summary for a list of scans, such as `IXSCAN { a: 1 }`."""
    if len(stages) == 1:  # as for most commands
        return _scan_text(*stages[0])
    return ", ".join([_scan_text(name, key) for name, key in stages])


def _scan_text(name: str, key: dict[str, Any] | None) -> str:
    return name if key is None else f"{name} {document_text(key)}"
