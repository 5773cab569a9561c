"""The accumulators of `$group` as window functions, which return one result per window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.mql.accumulators import State
from secantus_server.mql.windows.bounds import UNBOUNDED, Bounds
from secantus_server.mql.windows.partition import Partition


class WindowAccumulator:
    """A window function that evaluates an accumulator over each window.

    Windows without a lower bound only grow, so one state serves all of them and each document is added once. Every other window is
    computed separately.

    Arguments:
        start: creates a new state of the accumulator.
        bounds: the window.
    """

    def __init__(self, start: Callable[[], State], bounds: Bounds) -> None:
        self.start = start
        self.bounds = bounds

    def compute(self, partition: Partition) -> list[Any]:
        """Return the result for each document of a partition."""
        if self.bounds.lower == UNBOUNDED:
            return self._growing(partition)
        found: list[Any] = []
        last: tuple[int, int] | None = None
        for frame in self.bounds.frames(partition):
            found.append(found[-1] if frame == last else self._of(partition.documents[frame[0] : frame[1]]))
            last = frame
        return found

    def _of(self, documents: list[bytes]) -> Any:
        state = self.start()
        for document in documents:
            state.add(document)
        return state.result()

    def _growing(self, partition: Partition) -> list[Any]:
        state = self.start()
        found: list[Any] = []
        taken = 0
        for _, end in self.bounds.frames(partition):
            if found and end <= taken:
                found.append(found[-1])
                continue
            for document in partition.documents[taken:end]:
                state.add(document)
            taken = max(end, taken)
            result = state.result()
            found.append(list(result) if type(result) is list else result)
        return found
