"""The stages of a plan in the format of explain, before and after execution.

https://www.mongodb.com/docs/manual/reference/explain-results/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from secantus_server.index._index import Index
from secantus_server.query.bounds import IndexBounds


@dataclass
class PlanStage:
    """A plan stage in the output of explain.

    Arguments:
        name: the stage's name, such as `IXSCAN`.
        filter: the filter as a document, or None.
        shape: the fields that are known before execution.
        returned: the number of documents or entries returned; None before execution.
        works: the number of steps.
        counts: additional counters.
        inputs: the input stages.
        brief: whether the execution statistics are only `counts` and `nReturned`.
        rejected: the rejected plans; only set in a plan's top stage.
    """

    name: str
    filter: dict[str, Any] | None
    shape: dict[str, Any]
    returned: int | None
    works: int
    counts: dict[str, Any] = field(default_factory=dict)
    inputs: list[PlanStage] = field(default_factory=list)
    brief: bool = False
    rejected: list[PlanStage] = field(default_factory=list)

    def planned(self) -> dict[str, Any]:
        """Return the stage and its inputs as a document in the format of `winningPlan`."""
        return {**self._head(), **self.shape, **self._below([below.planned() for below in self.inputs])}

    def executed(self) -> dict[str, Any]:
        """Return the stage and its inputs as a document in the format of `executionStages`."""
        returned = self.returned or 0
        below = self._below([below.executed() for below in self.inputs])
        if self.brief:
            return {**self._head(), **self.shape, **self.counts, "nReturned": returned, **below}
        works = max(self.works, returned) + 1
        fields = {
            **self._head(),
            "nReturned": returned,
            "executionTimeMillisEstimate": 0.0,
            "works": works,
            "advanced": returned,
            "needTime": works - returned - 1,
            "needYield": 0,
            "saveState": 0,
            "restoreState": 0,
            "isEOF": 1,
        }
        return {**fields, **self.shape, **self.counts, **below}

    def stages(self) -> Iterator[PlanStage]:
        """Yield this stage and, recursively, all of its input stages."""
        yield self
        for below in self.inputs:
            yield from below.stages()

    def total(self, count: str) -> int:
        """Return the sum of a counter over this stage and, recursively, all of its input stages."""
        return int(self.counts.get(count, 0)) + sum(below.total(count) for below in self.inputs)

    def _head(self) -> dict[str, Any]:
        return {"stage": self.name} if self.filter is None else {"stage": self.name, "filter": self.filter}

    def _below(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        if self.name == "OR" or len(inputs) > 1:
            return {"inputStages": inputs}
        return {"inputStage": inputs[0]} if inputs else {}


def stage(
    name: str,
    shape: dict[str, Any],
    *,
    filter: Any = None,
    returned: int | None = None,
    works: int = 0,
    counts: dict[str, Any] | None = None,
    inputs: Sequence[PlanStage] = (),
    brief: bool = False,
) -> PlanStage:
    """Create a PlanStage from a match expression instead of a filter document.

    Arguments:
        filter: a match expression, or None.
        (the remaining arguments as in PlanStage)
    """
    filter_document = None if filter is None else filter.serialize()
    return PlanStage(name, filter_document, shape, returned, works, counts or {}, list(inputs), brief)


def index_shape(index: Index, bounds: IndexBounds, reverse: bool) -> dict[str, Any]:
    """Return the fields of an IXSCAN stage."""
    return {**_index_flags(index), "direction": "backward" if reverse else "forward", "indexBounds": bounds.explain(reverse)}


def count_shape(index: Index, bounds: IndexBounds) -> dict[str, Any]:
    """Return the fields of a COUNT_SCAN stage, including its bounds as a start key and an end key."""
    return {**_index_flags(index), "indexBounds": bounds.explain_range()}


def _index_flags(index: Index) -> dict[str, Any]:
    return {
        "keyPattern": index.spec["key"],
        "indexName": index.name,
        **({"collation": index.spec["collation"]} if "collation" in index.spec else {}),
        "isMultiKey": index.multikey,
        "multiKeyPaths": {path: [] for path, _ in index.parts},
        "isUnique": index.unique,
        "isSparse": index.sparse,
        "isPartial": index.partial_filter is not None,
        "indexVersion": index.spec.get("v", 2),
    }
