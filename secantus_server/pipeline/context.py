"""The surroundings in which a pipeline is parsed: the language's context, the namespace, and what the server offers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from secantus_server.errors import CommandError
from secantus_server.mql.context import Cell, ParseContext

if TYPE_CHECKING:
    from secantus_server.pipeline.operations import PipelineOperations

# https://www.mongodb.com/docs/manual/reference/limits/
MAX_SUB_PIPELINE_DEPTH = 20


@dataclass(frozen=True)
class PipelineContext:
    """What the parsers of stages are given.

    Arguments:
        parse: variables, time, collation and randomness of the command.
        db: the database.
        operations: what stages need of the server.
        collection: the collection, or None for `aggregate: 1`.
        allow_disk_use: False makes a sort or group of more than 100 megabytes an error.
        bypass_document_validation: `$out` and `$merge` do not ask the validator.
        read_concern: the command's read concern level.
        api_strict: only stages of the Stable API are allowed.
        explain: the pipeline is only explained.
        container: `$facet`, `$lookup` or `$unionWith` in a sub-pipeline, else empty.
        in_facet: this one or one around it belongs to a `$facet`.
        depth: how many sub-pipelines this one is inside of.
    """

    parse: ParseContext
    db: str
    operations: PipelineOperations
    collection: str | None = None
    allow_disk_use: bool = True
    bypass_document_validation: bool = False
    read_concern: str = "local"
    api_strict: bool = False
    explain: bool = False
    container: str = ""
    in_facet: bool = False
    depth: int = 0

    def kept_at_most(self, limit: int) -> int | None:
        """Return how many bytes a stage may keep, or None where it may use the disk for more.

        Arguments:
            limit: the stage's, of `parse.limits`.
        """
        return None if self.allow_disk_use else limit

    def sub_pipeline(self, container: str, collection: str | None, cells: dict[str, Cell] | None = None) -> PipelineContext:
        """The context of a pipeline inside this one.

        Arguments:
            container: the stage that holds it.
            collection: the collection it reads.
            cells: further variables in scope.

        Raises:
            CommandError: 232 for too many levels.
        """
        if self.depth >= MAX_SUB_PIPELINE_DEPTH:
            raise CommandError(232, f"Maximum number of nested sub-pipelines exceeded. Limit is {MAX_SUB_PIPELINE_DEPTH}")
        parse = self.parse.child(**cells) if cells else self.parse
        if collection != self.collection:
            parse = replace(parse, text_error=partial(self.operations.text_error, self.db, collection))
        in_facet = self.in_facet or container == "$facet"
        return replace(self, parse=parse, collection=collection, container=container, in_facet=in_facet, depth=self.depth + 1)
