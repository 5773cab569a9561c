"""Optimisations of a parsed pipeline: leading stages that run as a query with an index, reordering of stages, and top-k sorts.

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


@dataclass(slots=True)
class LeadingQuery:
    """The leading stages of a pipeline, as a query.

    Arguments:
        filter: the leading `$match` stages combined, or None.
        match: the same filter, parsed.
        sort: the `$sort` that follows, or None.
        skip: the number of documents to skip after filter and sort.
        limit: the number of documents to return after that, or None for all.
        fields: the top-level fields that the rest reads, or None for whole documents.
        rest: the remaining stages.
    """

    filter: dict[str, Any] | None
    match: Any
    sort: Sort | None
    skip: int
    limit: int | None
    fields: frozenset[str] | None
    rest: Pipeline


def optimise(stages: list[Stage]) -> list[Stage]:
    """Return the stages in a cheaper order with the same result.

    Filters move before sorts, and before stages that do not change the fields that the filter reads. `$skip` and `$limit` move before
    projections. A sort before a limit keeps only as many documents as the limit needs.
    """
    found = filters_of_buckets(stages) if stages and isinstance(stages[0], UnpackBucket) else list(stages)
    for index in range(len(found)):
        _move_match_forward(found, index)
        _move_window_forward(found, index)
    for index, stage in enumerate(found):
        if isinstance(stage, Sort):
            stage.limit = _sort_limit(found[index + 1 :])
    for stage, follower in pairwise(found):
        stage.precede(follower)
    return found


def filters_of_buckets(stages: list[Stage]) -> list[Stage]:
    """Return the stages over a time series with a filter of the buckets as the first stage.

    Arguments:
        stages: the stage that unpacks the buckets, and the stages over its measurements.
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
    """Call `hand_over` on the last of the leading stages that MongoDB's query engine runs, if other stages follow.

    Arguments:
        stages: the optimised stages of a pipeline over a collection.
    """
    index = 0
    while index < len(stages) and isinstance(stages[index], Match | Sort | Skip | Limit):
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
    """Return a pipeline split into the leading stages that the query layer can run (filters, a sort, skips and limits) and the rest.

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
    """Return the top-level fields that a pipeline reads from its input if its first stage defines them, else None."""
    first = pipeline.stages[0] if pipeline.stages else None
    if isinstance(first, Project):
        fields = first.projection.required_fields
        return None if fields is None else frozenset(fields)
    return None


def _window(stages: list[Stage], index: int) -> tuple[int, int | None, int]:
    """Return the combined skip and limit of the stages from `index` on, and the index of the first stage after them."""
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
    """Return the upper bound on the documents that a `$sort` must keep, or None.

    One-to-one stages before the limit do not change the bound.
    """
    index = 0
    while index < len(following) and following[index].one_to_one:
        index += 1
    skip, limit, _ = _window(following, index)
    return None if limit is None else skip + limit


def _move_match_forward(stages: list[Stage], index: int) -> None:
    """Move the filter at `index` before all stages that cannot change its result."""
    match = stages[index]
    if not isinstance(match, Match) or match.reads_metadata:
        return
    paths = filter_paths(match.filter)
    while index > 0 and _commutes(stages[index - 1], paths):
        stages[index] = stages[index - 1]
        index -= 1
    stages[index] = match


def _move_window_forward(stages: list[Stage], index: int) -> None:
    """Move the `$skip` or `$limit` at `index` before projections, which keep the number of documents."""
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
    """Return the paths that a filter reads; None if it contains expressions or other top-level operators."""
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
