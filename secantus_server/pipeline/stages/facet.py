"""`$facet`: runs several pipelines over the same input documents.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/facet/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import RawArray, encode, type_name
from secantus_server.differences import FACET_TOO_LARGE
from secantus_server.errors import ChangedError, CommandError, not_supported
from secantus_server.exec._checked import Checked
from secantus_server.mql.expressions.paths import validate_field_name
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.parse import parse_pipeline
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.run import Pipeline
from secantus_server.pipeline.stage import Stage


@stage("$facet")
class Facet(Stage):
    """A parsed `$facet`: the sub-pipelines by name."""

    in_facet = False

    def __init__(self, pipelines: dict[str, Pipeline], max_bytes: int) -> None:
        super().__init__()
        self.pipelines = pipelines
        self.max_bytes = max_bytes

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Facet:
        """Parse `{$facet: {name: [stage, ...], ...}}`.

        Raises:
            CommandError: 40169 to 40171 for a malformed argument, 40600 for a stage that is not allowed in a facet, 238 for
                `$rankFusion`, `$scoreFusion` or a search in a `$lookup`.
        """
        if type(spec) is not dict or not spec:
            raise CommandError(40169, "the $facet specification must be a non-empty object")
        inner = ctx.sub_pipeline("$facet", ctx.collection)
        pipelines = {}
        for name, stages in spec.items():
            validate_field_name(name)
            pipelines[name] = parse_pipeline(_checked(name, stages), inner)
        found = cls(pipelines, ctx.parse.limits.facet)
        if ctx.container not in ("", "$unionWith"):
            found.check_behind()
        return found

    def check_behind(self) -> None:
        """Raise if a sub-pipeline begins with a stage that reads the whole collection.

        Such a stage is supported only in a leading `$facet`, whose input is the whole collection.

        Raises:
            CommandError: 238.
        """
        for pipeline in self.pipelines.values():
            if pipeline.stages and pipeline.stages[0].reads_itself:
                raise not_supported(f"{pipeline.stages[0].name} inside a $facet", "begin the pipeline with the $facet")

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield one document with the output of every sub-pipeline. The document may be larger than a stored document.

        Raises:
            CommandError: 4031700 (146 since MongoDB 8.3) if the document exceeds the stage's own size limit.
        """
        documents = list(source)
        found = {name: RawArray(list(pipeline.run(Checked(documents, self.check)))) for name, pipeline in self.pipelines.items()}
        document = encode(found)
        if len(document) > self.max_bytes:
            message = f"document constructed by $facet is {len(document)} bytes, which exceeds the limit of {self.max_bytes} bytes"
            raise ChangedError(4031700, message, FACET_TOO_LARGE, CommandError(146, message))
        yield document


def _checked(name: str, stages: Any) -> list[Any]:
    if type(stages) is not list:
        raise CommandError(40170, f"arguments to $facet must be arrays, {name} is type {type_name(stages)}")
    for spec in stages:
        if type(spec) is not dict:
            raise CommandError(
                40171,
                f"elements of arrays in $facet spec must be non-empty objects, {name} argument contained an element of type "
                f"{type_name(spec)}",
            )
    return stages
