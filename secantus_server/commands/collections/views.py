"""The validation of view definitions.

https://www.mongodb.com/docs/manual/core/views/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.work.pipelines import check_view_pipeline

MAX_DEPTH = 20


def check_view(request: Request, name: str, view_on: str, pipeline: list[Any]) -> None:
    """Validate a view definition.

    Raises:
        CommandError: 5 GraphContainsCycle, 165 ViewDepthLimitExceeded, or an error if the pipeline is invalid or contains a stage that
            writes.
    """
    stages = [stage for stage in pipeline if stage is not None]
    for stage in stages:
        if type(stage) is not dict:
            raise CommandError(14, "Each element of the 'pipeline' array must be an object")
    check_view_pipeline(request, name, stages)
    depth = max((_depth(request, name, source) for source in (view_on, *sources(stages))), default=0)
    if depth >= MAX_DEPTH:
        raise CommandError(165, f"View depth too deep or view cycle detected; maximum depth is {MAX_DEPTH}")


def _depth(request: Request, name: str, source: str) -> int:
    """Return the number of views in the chain that starts at `source`, the collection or view that the new view reads.

    Raises:
        CommandError: 5 if the chain contains the new view itself.
    """
    if source == name:
        raise CommandError(5, f"View cycle detected: {request.db}.{name}")
    found = request.services.catalog.find(request.db, source)
    if found is None or not found.is_view:
        return 0
    under = (found.options["viewOn"], *sources(found.options["pipeline"]))
    return 1 + max(_depth(request, name, other) for other in under)


def sources(stages: list[Any]) -> Iterator[str]:
    """Yield the names of the collections that a pipeline's stages read in addition to the pipeline's input, such as those in $lookup."""
    for stage in stages:
        if type(stage) is not dict:
            continue
        for name, spec in stage.items():
            if name == "$facet" and type(spec) is dict:
                for inner in spec.values():
                    yield from sources(inner)
            elif name in ("$lookup", "$graphLookup", "$unionWith"):
                yield from _source(spec)


def _source(spec: Any) -> Iterator[str]:
    if type(spec) is str:
        yield spec
    elif type(spec) is dict:
        other = spec.get("from", spec.get("coll"))
        if type(other) is str:
            yield other
        yield from sources(spec.get("pipeline") or [])
