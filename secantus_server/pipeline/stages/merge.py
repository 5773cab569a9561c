"""`$merge`: writes the pipeline's documents into a collection, document by document.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/merge/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import decode, encode, values_equal
from secantus_server.bson.sizes import MAX_DOCUMENT_BYTES, check_result_size
from secantus_server.bson.values import MISSING, UNDEFINED
from secantus_server.errors import CommandError
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage
from secantus_server.pipeline.stages.merge_spec import MergeSpec, parse_merge
from secantus_server.pipeline.stages.new_ids import with_ids


@stage("$merge")
class Merge(Stage):
    """A collection to write into, and what to do with documents that are or are not there."""

    position = Position.LAST
    in_facet = False
    in_lookup = False
    in_union = False
    writes = True

    def __init__(self, merge: MergeSpec, ctx: PipelineContext) -> None:
        super().__init__()
        self.merge = merge
        self.ctx = ctx

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Merge:
        """Reads `{$merge: {into, on, let, whenMatched, whenNotMatched}}`.

        Raises:
            CommandError: those of `parse_merge`.
        """
        return cls(parse_merge(spec, ctx), ctx)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Nothing, after the documents are written. All are tried; the first error is raised after that.

        Raises:
            CommandError: 51132 and 51185 for what cannot be looked for, 10334 for a document too large to write, 13113, 66, 11000,
                121, 17419 for what cannot be written.
        """
        failure: CommandError | None = None
        for document in with_ids(source, self.ctx.parse.generate_object_id) if self.merge.on == ("_id",) else source:
            condition = self._filter(decode(document))
            check_result_size(document)
            try:
                self._write(document, condition)
            except CommandError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        yield from ()

    def _filter(self, document: dict[str, Any]) -> dict[str, Any]:
        """What finds the document's counterpart."""
        found = {}
        for path in self.merge.on:
            value = _value_at(document, path)
            if type(value) is list:
                raise CommandError(51185, f"$merge write error: 'on' field '{path}' cannot be an array")
            if value is MISSING or value is None or value is UNDEFINED:
                if not self.merge.nullable:
                    raise CommandError(
                        51132, f"$merge write error: 'on' field '{path}' cannot be missing, null or undefined if supporting index is sparse"
                    )
                value = None
            found[path] = {"$eq": value}
        return found

    def _write(self, document: bytes, filter: dict[str, Any]) -> None:
        """Writes one document; when somebody else writes its counterpart between the look and the write, it looks again."""
        while not self._try_to_write(document, filter):
            pass

    def _try_to_write(self, document: bytes, filter: dict[str, Any]) -> bool:
        merge = self.merge
        old = self._counterpart(filter)
        if old is None:
            try:
                self._write_new(document, filter)
            except CommandError as error:
                if error.code != 11000 or self._counterpart(filter) is None:
                    raise
                return False
            return True
        new = old if merge.when_matched == "keepExisting" else self._changed(old, document)
        return new == old or self.ctx.operations.replace(merge.db, merge.collection, old, new, self.ctx.bypass_document_validation)

    def _counterpart(self, filter: dict[str, Any]) -> bytes | None:
        """The document to merge with; there is none to a stage that only inserts."""
        merge = self.merge
        return None if merge.when_matched == "fail" else self.ctx.operations.find_one(merge.db, merge.collection, filter)

    def _write_new(self, document: bytes, filter: dict[str, Any]) -> None:
        merge = self.merge
        if merge.when_not_matched == "fail":
            raise CommandError(
                13113,
                "$merge could not find a matching document in the target collection for at least one document in the source collection",
            )
        if merge.when_not_matched == "insert":
            if merge.when_matched in ("merge", "keepExisting"):
                document = _with_nulls(document, filter)
            [complete] = with_ids([document], self.ctx.parse.generate_object_id)
            self.ctx.operations.insert(merge.db, merge.collection, complete, self.ctx.bypass_document_validation)

    def _changed(self, old: bytes, document: bytes) -> bytes:
        """What the existing document becomes; its `_id` stays."""
        before = decode(old)
        if self.merge.when_matched == "merge":
            after = {**before, **decode(document)}
        elif self.merge.when_matched == "replace":
            after = decode(document)
        else:
            after = decode(self.merge.apply_pipeline(old, document))
        new_id = after.pop("_id", before["_id"])
        if not values_equal(new_id, before["_id"]):
            raise CommandError(
                66,
                "$merge failed to update the matching document, did you attempt to modify the _id or the shard key? :: caused by :: "
                "Performing an update on the path '_id' would modify the immutable field '_id'",
            )
        changed = encode({"_id": before["_id"], **after})
        if len(changed) > MAX_DOCUMENT_BYTES:
            raise CommandError(17419, f"Resulting document after update is larger than {MAX_DOCUMENT_BYTES}")
        return changed


def _with_nulls(document: bytes, filter: dict[str, Any]) -> bytes:
    """The document with null where it was looked for as null: these two modes insert as an update with upsert does."""
    fields = decode(document)
    missing = {path: None for path, condition in filter.items() if condition["$eq"] is None and path not in fields and "." not in path}
    return encode({**missing, **fields}) if missing else document


def _value_at(document: dict[str, Any], path: str) -> Any:
    """What is at a path of documents; an array on the way is given as it is, for nothing can be looked for then."""
    value: Any = document
    for name in path.split("."):
        if type(value) is list:
            return value
        value = value.get(name, MISSING) if type(value) is dict else MISSING
    return value
