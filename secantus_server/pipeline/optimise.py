"""Optimisations of a parsed pipeline: running the leading stages as a query, reordering stages, and limiting sorts to the first k
documents.

https://www.mongodb.com/docs/manual/core/aggregation-pipeline-optimization/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from secantus_server.pipeline.run import Pipeline
from secantus_server.pipeline.stage import Stage
from secantus_server.pipeline.stages.limit import Limit
from secantus_server.pipeline.stages.match import Match
from secantus_server.pipeline.stages.project import Project
from secantus_server.pipeline.stages.skip import Skip
from secantus_server.pipeline.stages.sort import Sort
from secantus_server.pipeline.stages.unpack_bucket import UnpackBucket
from secantus_server.query.bucket_filters import split_filter

# A greater limit is treated as no limit.
MAX_COUNT = 2**62

# The stages that MongoDB's query engine can run after a query. It runs those of GROUP_AND_SORT as a group; the sort that
# follows runs outside the engine.
RUN_BY_ENGINE = frozenset(["$group", "$lookup"])
GROUP_AND_SORT = frozenset(["$bucket", "$sortByCount"])
_OF_QUERY = (Match, Sort, Skip, Limit)


@dataclass(slots=True)
class LeadingQuery:
    """A query that replaces the leading stages of a pipeline.

    Arguments:
        filter: the combined filter of the leading `$match` stages, or None.
        match: the parsed form of `filter`.
        sort: the `$sort` after the filter, or None.
        skip: the number of documents to skip after the sort.
        limit: the maximum number of documents to return after the skip, or None.
        fields: the top-level fields that `rest` reads, or None for whole documents.
        rest: the stages after the leading ones.
    """

    filter: dict[str, Any] | None
    match: Any
    sort: Sort | None
    skip: int
    limit: int | None
    fields: frozenset[str] | None
    rest: Pipeline


def optimise(stages: list[Stage]) -> list[Stage]:
    """Return the stages in a cheaper order that produces the same result.

    A filter moves before a sort, and before a stage that does not change the fields in the filter. `$skip` and `$limit` move before a
    projection. A sort before a limit retains only as many documents as the limit needs.
    """
    found = filters_of_buckets(stages) if stages and isinstance(stages[0], UnpackBucket) else list(stages)
    for index in range(1, len(found)):
        _move_match_forward(found, index)
        _move_window_forward(found, index)
    for index, stage in enumerate(found):
        if isinstance(stage, Sort):
            stage.limit = _sort_limit(found[index + 1 :])
    for stage, follower in pairwise(found):
        stage.precede(follower)
    return found


def filters_of_buckets(stages: list[Stage]) -> list[Stage]:
    """Return the stages of a time-series pipeline, with an additional filter on the buckets as the first stage.

    The filter is derived from the `$match` stages that follow the unpacking of the buckets.

    Arguments:
        stages: the stage that unpacks the buckets, then the stages that read its measurements.
    """
    unpack, index = stages[0], 1
    assert isinstance(unpack, UnpackBucket)
    before: list[Stage] = []
    behind: list[Stage] = []
    while index < len(stages) and isinstance(match := stages[index], Match) and not match.reads_metadata:
        split = split_filter(match.filter, unpack.time_field, unpack.meta_field)
        if split.buckets:
            before.append(match.changed(split.buckets))
        if split.rest:
            behind.append(match.changed(split.rest))
        index += 1
    return [*before, unpack, *behind, *stages[index:]]


def mark_handed_over(stages: list[Stage]) -> None:
    """Call `hand_over` on the last stage that MongoDB would run in its query engine, if other stages follow it.

    Arguments:
        stages: the optimised stages of a pipeline over a collection.
    """
    index = 0
    while index < len(stages) and isinstance(stages[index], _OF_QUERY):
        index += 1
    begin = index
    while index < len(stages) and stages[index].name in RUN_BY_ENGINE:
        index += 1
    if index == len(stages):
        return
    if stages[index].name in GROUP_AND_SORT:
        stages[index].hand_over()
    elif index > begin:
        stages[index - 1].hand_over()


def leading_query(pipeline: Pipeline) -> LeadingQuery:
    """Split a pipeline into a query and the remaining stages. The query replaces leading filters, a sort, skips and limits.

    Arguments:
        pipeline: a parsed pipeline.
    """
    stages = pipeline.stages
    index = 0
    matches: list[Match] = []
    while index < len(stages) and isinstance(stage := stages[index], Match) and not stage.reads_metadata:
        matches.append(stage)
        index += 1
    sort = stages[index] if index < len(stages) else None
    index += isinstance(sort, Sort)
    skip, limit, index = _window(stages, index)
    if isinstance(sort, Sort) and limit is None and skip == 0:
        limit = sort.limit
    rest = Pipeline(stages[index:])
    match = Match.all_of(matches)
    return LeadingQuery(
        filter=match.filter if match else None,
        match=match.match if match else None,
        sort=sort if isinstance(sort, Sort) else None,
        skip=skip,
        limit=limit,
        fields=required_fields(rest),
        rest=rest,
    )


def required_fields(pipeline: Pipeline) -> frozenset[str] | None:
    """Return the top-level fields that a pipeline reads from its input, or None if its first stage does not determine them."""
    first = pipeline.stages[0] if pipeline.stages else None
    if isinstance(first, Project):
        fields = first.projection.required_fields
        return None if fields is None else frozenset(fields)
    return None


def _window(stages: list[Stage], index: int) -> tuple[int, int | None, int]:
    """Return the combined skip and limit of the `$skip` and `$limit` stages from `index` on, and the index of the stage after them."""
    skip, limit = 0, None
    while index < len(stages):
        stage = stages[index]
        if isinstance(stage, Skip):
            skip += stage.count
            limit = None if limit is None else max(limit - stage.count, 0)
        elif isinstance(stage, Limit):
            limit = stage.count if limit is None else min(limit, stage.count)
        else:
            break
        index += 1
    if limit is not None and skip + limit > MAX_COUNT:
        limit = None
    return skip, limit, index


def _sort_limit(following: list[Stage]) -> int | None:
    """Return the maximum number of documents that a `$sort` must retain, or None if it must retain all.

    The bound comes from the `$skip` and `$limit` stages after the sort. One-to-one stages before them do not change the bound.
    """
    index = 0
    while index < len(following) and following[index].one_to_one:
        index += 1
    skip, limit, _ = _window(following, index)
    return None if limit is None else skip + limit


def _move_match_forward(stages: list[Stage], index: int) -> None:
    """Move the filter at `index` before all stages that do not affect its result."""
    match = stages[index]
    if not isinstance(match, Match) or match.reads_metadata:
        return
    paths = filter_paths(match.filter)
    while index > 0 and _commutes(stages[index - 1], paths):
        stages[index] = stages[index - 1]
        index -= 1
    stages[index] = match


def _move_window_forward(stages: list[Stage], index: int) -> None:
    """Move the `$skip` or `$limit` at `index` before any projections, because projections do not change the number of documents."""
    window = stages[index]
    while index > 0 and _passes(window, stages[index - 1]):
        stages[index - 1 : index + 1] = [window, stages[index - 1]]
        index -= 1


def _passes(window: Stage, before: Stage) -> bool:
    if not isinstance(before, Project):
        return False
    return isinstance(window, Skip) or (isinstance(window, Limit) and before.is_plain_inclusion)


def _commutes(stage: Stage, paths: set[str] | None) -> bool:
    if isinstance(stage, Sort):
        return True
    kept = stage.kept_fields() if isinstance(stage, Project) else None
    if kept is not None:
        return paths is not None and all(path.partition(".")[0] in kept for path in paths)
    changed = stage.changed_fields()
    if changed is None or paths is None:
        return False
    return all(path.partition(".")[0] not in changed for path in paths)


def filter_paths(filter: dict[str, Any]) -> set[str] | None:
    """Return the paths that a filter reads, or None if it contains expressions or other top-level operators."""
    found: set[str] = set()
    for path in _walk_filter(filter):
        if path is None:
            return None
        found.add(path)
    return found


def _walk_filter(filter: dict[str, Any]) -> Iterator[str | None]:
    for name, value in filter.items():
        if name in ("$and", "$or", "$nor"):
            for clause in value:
                yield from _walk_filter(clause)
        elif name == "$comment":
            continue
        else:
            yield None if name.startswith("$") else name
