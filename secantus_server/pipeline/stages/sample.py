"""`$sample`: returns randomly selected documents.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/sample/
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from operator import itemgetter
from random import Random
from typing import Any

from secantus_server.bson import is_number
from secantus_server.errors import CommandError
from secantus_server.exec.sorting import too_much_to_sort
from secantus_server.mql.metadata import Metadata
from secantus_server.pipeline.arguments import truncated
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.memory import within_memory
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage


@stage("$sample")
class Sample(Stage):
    """A parsed `$sample`: the sample size and the source of randomness.

    MongoDB selects the documents by a sort. `max_bytes` is the memory limit of that sort, or None if disk use is allowed.
    """

    makes_many = True

    def __init__(self, size: int, random: Random, max_bytes: int | None, metadata: Metadata | None = None) -> None:
        super().__init__()
        self.metadata = metadata
        self.size = size
        self.random = random
        self.max_bytes = max_bytes

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Sample:
        """Parse `{$sample: {size: n}}`.

        Raises:
            CommandError: 28745 to 28749 for a malformed argument.
        """
        if type(spec) is not dict:
            raise CommandError(28745, "the $sample stage specification must be an object")
        for name, value in spec.items():
            if name != "size":
                raise CommandError(28748, f"unrecognized option to $sample: {name}")
            if not is_number(value):
                raise CommandError(28746, "size argument to $sample must be a number")
        if "size" not in spec:
            raise CommandError(28749, "$sample stage must specify a size")
        size = truncated(spec["size"])
        if size <= 0:
            raise CommandError(28747, "size argument to $sample must be a positive integer")
        return cls(size, ctx.parse.random, ctx.kept_at_most(ctx.parse.limits.sort), ctx.parse.metadata)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return the sampled documents in random order, each at most once.

        Raises:
            CommandError: 292 QueryExceededMemoryLimitNoDiskUseAllowed.
        """
        if self.metadata is not None and self.metadata.wanted:
            yield from self._with_metadata(source, self.metadata)
            return
        drawn: list[bytes] = []
        for index, document in enumerate(source):
            if index < self.size:
                drawn.append(document)
            elif (place := self.random.randrange(index + 1)) < self.size:
                drawn[place] = document
        self.random.shuffle(drawn)
        yield from list(within_memory(drawn, self.max_bytes, too_much_to_sort))

    def _with_metadata(self, source: Iterable[bytes], metadata: Metadata) -> Iterator[bytes]:
        """Yield the documents with the greatest random numbers, as MongoDB does. Set each random number as metadata."""
        rows = ((self.random.random(), document, metadata.values) for document in within_memory(source, self.max_bytes, too_much_to_sort))
        for number, document, values in heapq.nlargest(self.size, rows, key=itemgetter(0)):
            metadata.values = {**values, "randVal": number}
            yield document
