"""`$sortByCount`: counts the documents for each value of an expression and returns the most frequent values first.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/sortByCount/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage
from secantus_server.pipeline.stages.group import Group
from secantus_server.pipeline.stages.sort import Sort


@stage("$sortByCount")
class SortByCount(Stage):
    """A parsed `$sortByCount`, which runs as a `$group` followed by a `$sort`."""

    makes_many = True

    def __init__(self, group: Group, sort: Sort) -> None:
        super().__init__()
        self.group = group
        self.sort = sort

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> SortByCount:
        """Parse `{$sortByCount: expression}`.

        Raises:
            CommandError: 40147 to 40149 if the argument is not an expression, and the expression's errors.
        """
        if type(spec) is dict:
            if not spec or not next(iter(spec)).startswith("$"):
                raise CommandError(
                    40147, f"the sortByCount field must be defined as a $-prefixed path or an expression inside an object: {spec}"
                )
        elif type(spec) is str:
            if not spec.startswith("$"):
                raise CommandError(40148, "the sortByCount field must be defined as a $-prefixed path or an expression inside an object")
        else:
            raise CommandError(40149, "the sortByCount field must be specified as a string or as an object")
        return cls(Group.parse({"_id": spec, "count": {"$sum": 1}}, ctx), Sort.parse({"count": -1}, ctx))

    def hand_over(self) -> None:
        """Enable the type conversion of the group's results (see `handed_over`), because the sort follows the group."""
        self.group.hand_over()

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield one document for each value, with the most frequent value first."""
        return self.sort.run(self.group.run(source))
