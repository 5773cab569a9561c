"""`$unionWith`: appends the documents of another collection.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/unionWith/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.expressions.metadata import FROM_A_SEARCH
from secantus_server.mql.metadata import ALWAYS_AVAILABLE, Metadata
from secantus_server.pipeline.arguments import named_fields
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.source import SubPipeline
from secantus_server.pipeline.stage import Stage


@stage("$unionWith")
class UnionWith(Stage):
    """A parsed `$unionWith`.

    Arguments:
        other: the sub-pipeline whose output is appended.
        metadata: the metadata of the input documents, or None.
    """

    def __init__(self, other: SubPipeline, metadata: Metadata | None = None) -> None:
        super().__init__()
        self.other = other
        self.metadata = metadata
        inner = other.whole.metadata
        if metadata is not None and inner is not None and inner.is_mixed_up:
            # A `$meta` after the union is refused.
            metadata.is_mixed_up = True
        if metadata is not None and inner is not None:
            metadata.available |= inner.available.intersection(FROM_A_SEARCH)

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> UnionWith:
        """Parse `{$unionWith: "collection"}` or `{$unionWith: {coll, pipeline}}`.

        Raises:
            CommandError: 9, 14, 40415 for a malformed argument, and the errors of the sub-pipeline.
        """
        if type(spec) is str:
            return cls(SubPipeline.parse("$unionWith", spec, [], ctx, {}), ctx.parse.metadata)
        if type(spec) is not dict:
            raise CommandError(9, f"the $unionWith stage specification must be an object or string, but found {type_name(spec)}")
        fields = named_fields("$unionWith", spec, {"coll": ("string",), "pipeline": ("array",)})
        stages = fields.get("pipeline", [])
        if "coll" not in fields and not (stages and type(stages[0]) is dict and "$documents" in stages[0]):
            raise CommandError(9, "$unionWith stage without explicit collection must have a pipeline with $documents as first stage")
        return cls(SubPipeline.parse("$unionWith", fields.get("coll"), stages, ctx, {}), ctx.parse.metadata)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the input documents, then the output of the sub-pipeline."""
        return chain(source, self._others())

    def _others(self) -> Iterator[bytes]:
        outer, inner = self.metadata, self.other.whole.metadata
        if outer is None or inner is None or not outer.wanted:
            yield from self.other.documents()
            return
        if inner.is_lost:
            for document in self.other.documents():
                outer.values = {}
                yield document
            return
        inner.wanted |= outer.wanted & (inner.available | ALWAYS_AVAILABLE)
        for document in self.other.documents():
            outer.values = inner.values
            yield document
