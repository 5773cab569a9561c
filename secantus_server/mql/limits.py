"""The memory limits of stages and accumulators. https://www.mongodb.com/docs/manual/core/aggregation-pipeline-limits/"""

from __future__ import annotations

from secantus_server.records import record

DEFAULT_BYTES = 100 * 1024 * 1024


@record(frozen=True)
class MemoryLimits:
    """The limits on memory and sizes, in bytes.

    Arguments:
        sort, group, bucket_auto, window, graph_lookup: the memory that a stage may use if it must not use the disk.
        hash_lookup: the memory that `$lookup` and `$graphLookup` may use for the documents of a collection without a usable index, before
        they use the disk.
        push, add_to_set, concat_arrays, set_union, several: the memory that one accumulator state may use, whether or not the disk may be
        used. `several` is the limit of `$firstN`, `$topN` and similar accumulators.
        facet: the maximum size of the document that `$facet` returns.
        lookup: the maximum total size of the documents that `$lookup` finds for one input document.
    """

    sort: int = DEFAULT_BYTES
    group: int = DEFAULT_BYTES
    bucket_auto: int = DEFAULT_BYTES
    window: int = DEFAULT_BYTES
    graph_lookup: int = DEFAULT_BYTES
    hash_lookup: int = DEFAULT_BYTES
    push: int = DEFAULT_BYTES
    add_to_set: int = DEFAULT_BYTES
    concat_arrays: int = DEFAULT_BYTES
    set_union: int = DEFAULT_BYTES
    several: int = DEFAULT_BYTES
    facet: int = DEFAULT_BYTES
    lookup: int = DEFAULT_BYTES


DEFAULT_LIMITS = MemoryLimits()
