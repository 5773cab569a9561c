"""`$setWindowFields`: computes fields over a window of documents around each document.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/setWindowFields/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from secantus_server.bson import key_string
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.exec.sorting import too_much_to_sort
from secantus_server.mql.context import Cell, Collation, ParseContext
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.projection import Projection, parse_add_fields
from secantus_server.mql.windows import Partition, SortOrder, WindowFunction, parse_window_field
from secantus_server.pipeline.arguments import named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.memory import within_memory
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage

FIELDS: dict[str, tuple[str, ...]] = {"partitionBy": (), "sortBy": ("object",), "output": ("object",)}
Keyed = tuple[bytes, bytes, bytes]


@stage("$setWindowFields")
class SetWindowFields(Stage):
    """A parsed `$setWindowFields`.

    Arguments:
        partition_by: the expression whose value identifies a partition, or None.
        order: the sort order within a partition.
        functions: the window functions, in the order of `cells`.
        cells: the variables that receive the functions' values and that the projection reads.
        projection: writes the values of the variables into a document.
        collation: the collation for comparing strings in `partition_by`.
        ctx: the context of the pipeline, which supplies the memory limits.
    """

    makes_many = True

    def __init__(
        self,
        partition_by: Expression | None,
        order: SortOrder,
        functions: list[WindowFunction],
        cells: list[Cell],
        projection: Projection,
        collation: Collation | None,
        ctx: PipelineContext,
    ) -> None:
        super().__init__()
        self.partition_by = partition_by
        self.order = order
        self.functions = functions
        self.cells = cells
        self.projection = projection
        self.collation = collation
        self.ctx = ctx

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> SetWindowFields:
        """Parse `{$setWindowFields: {partitionBy, sortBy, output}}`.

        Raises:
            CommandError: 9, 14, 40414, 40415 for a malformed argument, and the errors of expressions, sort and window functions.
        """
        if type(spec) is not dict:
            raise CommandError(9, "the $setWindowFields stage specification must be an object")
        fields = named_fields("$setWindowFields", spec, FIELDS, ("output",))
        order = SortOrder(fields.get("sortBy"), ctx.parse)
        partition_by = parse_expression(fields["partitionBy"], ctx.parse) if "partitionBy" in fields else None
        functions = [parse_window_field(name, value, order, ctx.parse) for name, value in fields["output"].items()]
        cells, projection = _parse_output(list(fields["output"]), ctx.parse)
        return cls(partition_by, order, functions, cells, projection, ctx.parse.collation, ctx)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the documents with the new fields. Order them by partition, then by the sort order.

        Raises:
            CommandError: 14 for a partition that is an array, 292 and 5643011 if the memory limit is exceeded without disk use, and the
                errors of the functions.
        """
        for documents in self._partitions(source):
            partition = Partition(documents, self.order, self.check)
            columns = [function.compute(partition) for function in self.functions]
            for index, document in enumerate(documents):
                for cell, column in zip(self.cells, columns, strict=True):
                    cell.value = column[index]
                yield self.projection.apply(document)

    def _partitions(self, source: Iterable[bytes]) -> Iterator[list[bytes]]:
        keyed = [self._key(document) for document in self._within_memory(source)]
        keyed.sort(key=lambda item: item[:2])
        for _, members in groupby(keyed, key=lambda item: item[0]):
            yield [document for _, _, document in members]

    def _within_memory(self, source: Iterable[bytes]) -> Iterable[bytes]:
        """Apply the memory limit of sorts if a partition or an order is defined, otherwise the memory limit of window functions."""
        limits = self.ctx.parse.limits
        if self.partition_by is None and self.order.pattern is None:
            return within_memory(source, self.ctx.kept_at_most(limits.window), _too_much_to_keep)
        return within_memory(source, self.ctx.kept_at_most(limits.sort), too_much_to_sort)

    def _key(self, document: bytes) -> Keyed:
        place = b"" if self.order.pattern is None else self.order.pattern.key(document)
        if self.partition_by is None:
            return b"", place, document
        value = self.partition_by.evaluate(document)
        if type(value) is list:
            raise CommandError(14, "An expression used to partition cannot evaluate to value of type array")
        return key_string(None if value is MISSING else value, self.collation), place, document


def _too_much_to_keep(used: int, max_bytes: int) -> CommandError:
    return CommandError(
        5643011,
        f"Exceeded max memory. Current memory: {used} bytes. Max allowed memory: {max_bytes} bytes. "
        "To allow spilling use allowDiskUse: true",
    )


def _parse_output(paths: list[str], ctx: ParseContext) -> tuple[list[Cell], Projection]:
    """Return variables for the values of the window functions, and a projection that writes the variables into a document."""
    cells = {f"field{index}": Cell() for index in range(len(paths))}
    spec = {path: f"$${name}" for path, name in zip(paths, cells, strict=True)}
    return list(cells.values()), parse_add_fields(spec, ctx.child(**cells), stage="$setWindowFields")
