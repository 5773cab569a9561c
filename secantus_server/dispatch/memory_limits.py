"""The memory limits of commands. A test can lower a limit with setParameter, so that it need not write 100 megabytes to exceed it."""

from __future__ import annotations

from typing import Any

from secantus_server.diagnostics.memory import memory_bytes
from secantus_server.mql.limits import DEFAULT_BYTES, DEFAULT_LIMITS, MemoryLimits

#: The MongoDB parameter that sets each limit.
PARAMETERS = {
    "sort": "internalQueryMaxBlockingSortMemoryUsageBytes",
    "group": "internalDocumentSourceGroupMaxMemoryBytes",
    "bucket_auto": "internalDocumentSourceBucketAutoMaxMemoryBytes",
    "window": "internalDocumentSourceSetWindowFieldsMaxMemoryBytes",
    "graph_lookup": "internalDocumentSourceGraphLookupMaxMemoryBytes",
    "hash_lookup": "internalQuerySlotBasedExecutionHashLookupApproxMemoryUseInBytesBeforeSpill",
    "push": "internalQueryMaxPushBytes",
    "add_to_set": "internalQueryMaxAddToSetBytes",
    "concat_arrays": "internalQueryMaxConcatArraysBytes",
    "set_union": "internalQueryMaxSetUnionBytes",
    "several": "internalQueryTopNAccumulatorBytes",
    "facet": "internalQueryFacetMaxOutputDocSizeBytes",
    "lookup": "internalLookupStageIntermediateDocumentMaxSizeBytes",
}
#: The parameter for the limit of a whole operation. The limits of stages and accumulators cannot exceed it.
OPERATION = "internalQueryMaxMemoryUsageBytesPerOperation"
# The limits that apply to sizes of documents, not to memory.
_NOT_MEMORY = ("facet", "lookup")
ALLOW_DISK_USE = "allowDiskUseByDefault"


def operation_bytes() -> int:
    """Return the default of the limit `OPERATION`: 1 GB or 20 % of the machine's memory, whichever is greater."""
    return max(1 << 30, memory_bytes() // 5)


def memory_limits(parameters: dict[str, Any]) -> MemoryLimits:
    """Return the current memory limits.

    Arguments:
        parameters: the current values of the parameters.
    """
    changed = {field: parameters[name] for field, name in PARAMETERS.items() if name in parameters}
    if OPERATION in parameters:
        most = parameters[OPERATION]
        changed |= {field: min(changed.get(field, DEFAULT_BYTES), most) for field in PARAMETERS if field not in _NOT_MEMORY}
    return MemoryLimits(**changed) if changed else DEFAULT_LIMITS


def may_use_disk(parameters: dict[str, Any], wanted: bool | None) -> bool:
    """Return whether a command may use the disk.

    Arguments:
        parameters: the current values of the parameters.
        wanted: the command's `allowDiskUse`, or None if absent.
    """
    return bool(parameters.get(ALLOW_DISK_USE, True)) if wanted is None else wanted
