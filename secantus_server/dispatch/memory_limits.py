"""The memory limits of commands. A test can lower them with setParameter to reach a limit without writing 100 megabytes."""

from __future__ import annotations

from typing import Any

from secantus_server.mql.limits import DEFAULT_LIMITS, MemoryLimits

#: MongoDB's parameter for each limit.
PARAMETERS = {
    "sort": "internalQueryMaxBlockingSortMemoryUsageBytes",
    "group": "internalDocumentSourceGroupMaxMemoryBytes",
    "bucket_auto": "internalDocumentSourceBucketAutoMaxMemoryBytes",
    "window": "internalDocumentSourceSetWindowFieldsMaxMemoryBytes",
    "graph_lookup": "internalDocumentSourceGraphLookupMaxMemoryBytes",
    "push": "internalQueryMaxPushBytes",
    "add_to_set": "internalQueryMaxAddToSetBytes",
    "concat_arrays": "internalQueryMaxConcatArraysBytes",
    "set_union": "internalQueryMaxSetUnionBytes",
    "several": "internalQueryTopNAccumulatorBytes",
    "facet": "internalQueryFacetMaxOutputDocSizeBytes",
    "lookup": "internalLookupStageIntermediateDocumentMaxSizeBytes",
}
ALLOW_DISK_USE = "allowDiskUseByDefault"


def memory_limits(parameters: dict[str, Any]) -> MemoryLimits:
    """Return the current limits.

    Arguments:
        parameters: the values set by setParameter.
    """
    changed = {field: parameters[name] for field, name in PARAMETERS.items() if name in parameters}
    return MemoryLimits(**changed) if changed else DEFAULT_LIMITS


def may_use_disk(parameters: dict[str, Any], wanted: bool | None) -> bool:
    """Return whether a command may use the disk.

    Arguments:
        parameters: the values set by setParameter.
        wanted: the command's `allowDiskUse`, or None if absent.
    """
    return bool(parameters.get(ALLOW_DISK_USE, True)) if wanted is None else wanted
