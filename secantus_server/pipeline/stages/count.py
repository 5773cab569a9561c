"""`$count`: returns the number of input documents.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/count/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import encode, int_value
from secantus_server.errors import CommandError
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage


@stage("$count")
class Count(Stage):
    """A parsed `$count`: the name of the output field for the count."""

    def __init__(self, field: str) -> None:
        super().__init__()
        self.field = field

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Count:
        """Parse `{$count: name}`.

        Raises:
            CommandError: 40156 to 40160 for an invalid field name, 9039800 for `_id`.
        """
        if type(spec) is not str:
            raise CommandError(40156, "the count field must be a non-empty string")
        if not spec:
            raise CommandError(40157, "the count field must be a non-empty string")
        if spec.startswith("$"):
            raise CommandError(40158, "the count field cannot be a $-prefixed path")
        if "\0" in spec:
            raise CommandError(40159, "the count field cannot contain a null byte")
        if "." in spec:
            raise CommandError(40160, "the count field cannot contain '.'")
        if spec == "_id":
            raise CommandError(9039800, "the count field cannot be '_id'")
        return cls(spec)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield one document with the count, or no document if the input is empty."""
        count = sum(1 for _ in source)
        if count:
            yield encode({self.field: int_value(count)})
