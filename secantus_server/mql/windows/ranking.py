"""The window functions `$rank`, `$denseRank` and `$documentNumber`, which return a document's position in its partition.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/rank/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from secantus_server.bson import int_value
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.windows.partition import Partition
from secantus_server.mql.windows.registry import Call, window_function

Places = Callable[[Partition], Iterator[int]]


class Ranking:
    """A parsed ranking function.

    Arguments:
        places: returns the position of each document in a partition, according to the function.
    """

    def __init__(self, places: Places) -> None:
        self.places = places

    def compute(self, partition: Partition) -> list[Any]:
        """Return the position of each document in a partition."""
        return [int_value(place) for place in self.places(partition)]


def _ranks(partition: Partition) -> Iterator[int]:
    """Yield the rank of each document. Peers (documents with equal sort keys) have the position of the first peer."""
    place, last = 0, None
    for index, key in enumerate(partition.keys):
        if key != last:
            place, last = index + 1, key
        yield place


def _dense_ranks(partition: Partition) -> Iterator[int]:
    """Yield the dense rank of each document.

    Peers (documents with equal sort keys) have the same rank, and the ranks have no gaps.
    """
    place, last = 0, None
    for key in partition.keys:
        if key != last:
            place, last = place + 1, key
        yield place


def _numbers(partition: Partition) -> Iterator[int]:
    return iter(range(1, len(partition.documents) + 1))


def _register(name: str, places: Places) -> None:
    @window_function(name)
    def parse(call: Call, ctx: ParseContext) -> Ranking:
        if call.window is not None or call.others:
            raise CommandError(5371601, "Rank style window functions take no other arguments")
        if call.argument != {} or type(call.argument) is not dict:
            raise CommandError(5371603, f"{call.name} must be specified with '{{}}' as the value")
        if not call.order.is_single:
            raise CommandError(5371602, f"{call.name} must be specified with a top level sortBy expression with exactly one element")
        return Ranking(places)


_register("$rank", _ranks)
_register("$denseRank", _dense_ranks)
_register("$documentNumber", _numbers)
