"""The context in which a pipeline is parsed: variables and limits of the query language, the namespace, and the server's services for
stages.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from secantus_server.errors import CommandError
from secantus_server.mql.context import Cell, ParseContext
from secantus_server.mql.metadata import Metadata

if TYPE_CHECKING:
    from secantus_server.exec.spilling import Spill
    from secantus_server.pipeline.host import PipelineHost

# https://www.mongodb.com/docs/manual/reference/limits/
MAX_SUB_PIPELINE_DEPTH = 20


@dataclass(slots=True, eq=False)
class PipelineContext:
    """The context that stage parsers receive. It must not be modified.

    Arguments:
        parse: the command's variables, time, collation and randomness.
        db: the database.
        host: the interface through which stages use the server.
        collection: the collection, or None for `aggregate: 1`.
        allow_disk_use: whether stages may use the disk. Otherwise a sort or group of more than 100 megabytes is an error.
        bypass_document_validation: whether `$out` and `$merge` skip the validator.
        read_concern: the command's read concern level.
        api_strict: whether only stages of the Stable API are allowed.
        explain: whether the pipeline is explained instead of run.
        container: the stage that contains this sub-pipeline (`$facet`, `$lookup` or `$unionWith`), or empty if there is none.
        in_facet: whether this pipeline or an enclosing one belongs to a `$facet`.
        depth: the nesting depth of sub-pipelines.
    """

    parse: ParseContext
    db: str
    host: PipelineHost
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
        """Return the maximum number of bytes that a stage may hold in memory, or None if the stage may use the disk.

        Arguments:
            limit: the stage's limit from `parse.limits`.
        """
        return None if self.allow_disk_use else limit

    def spill(self, kind: str, limit: int) -> Spill | None:
        """Return how a stage moves what exceeds its memory limit to the disk, or None if the stage must not use the disk.

        Arguments:
            kind: the name of the stage's counters in serverStatus.
            limit: the stage's limit from `parse.limits`.
        """
        return self.host.spill(kind, limit) if self.allow_disk_use else None

    def sub_pipeline(self, container: str, collection: str | None, cells: dict[str, Cell] | None = None) -> PipelineContext:
        """Return the context of a sub-pipeline.

        Arguments:
            container: the stage that contains the sub-pipeline.
            collection: the collection that the sub-pipeline reads.
            cells: additional variables in scope.

        Raises:
            CommandError: 232 if the sub-pipeline is nested too deeply.
        """
        if self.depth >= MAX_SUB_PIPELINE_DEPTH:
            raise CommandError(232, f"Maximum number of nested sub-pipelines exceeded. Limit is {MAX_SUB_PIPELINE_DEPTH}")
        parse = self.parse.child(**cells) if cells else self.parse
        metadata = self._sub_metadata(container)
        if collection != self.collection:
            definition = partial(self.host.text_definition, self.db, collection)
            parse = parse.changed(text_definition=definition, metadata=metadata)
        else:
            parse = parse.changed(metadata=metadata)
        # Positional arguments, because `dataclasses.replace` takes longer than parsing a short sub-pipeline.
        return PipelineContext(
            parse,
            self.db,
            self.host,
            collection,
            self.allow_disk_use,
            self.bypass_document_validation,
            self.read_concern,
            self.api_strict,
            self.explain,
            container,
            self.in_facet or container == "$facet",
            self.depth + 1,
        )

    def _sub_metadata(self, container: str) -> Metadata:
        """Return the metadata that documents have at the start of a sub-pipeline: the outer pipeline's metadata in a `$facet`, otherwise
        none.
        """
        metadata = Metadata()
        if container == "$facet" and self.parse.metadata is not None:
            # The sub-pipelines of a `$facet` run one after the other over documents that were already read.
            metadata.available |= self.parse.metadata.available
            metadata.is_mixed_up = True
        return metadata
