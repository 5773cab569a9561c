"""`$merge`: writes the pipeline's output into a collection, with many documents per transaction.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/merge/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import decode_stored, encode, values_equal
from secantus_server.bson.sizes import MAX_DOCUMENT_BYTES, check_result_size
from secantus_server.bson.values import MISSING, UNDEFINED
from secantus_server.errors import CommandError
from secantus_server.exec._prepare import id_document
from secantus_server.mql.update import smallest_entry
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.host import WriteTarget
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Position, Stage
from secantus_server.pipeline.targets.merge_spec import MergeSpec, parse_merge
from secantus_server.pipeline.targets.new_ids import with_ids

# The size of a batch. Each document counts as its length plus DOCUMENT_COST.
BATCH_BYTES = 4 << 20
DOCUMENT_COST = 4096

# A document, and its values at the paths of `on`.
Keyed = tuple[bytes, dict[str, Any]]


@stage("$merge")
class Merge(Stage):
    """A parsed `$merge`: the target collection, and the actions for matched and unmatched documents."""

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
        """Parse `{$merge: {into, on, let, whenMatched, whenNotMatched}}`.

        Raises:
            CommandError: the errors of `parse_merge`.
        """
        return cls(parse_merge(spec, ctx), ctx)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Write all documents and yield nothing. If a document fails, write the remaining documents before raising the first error.

        Raises:
            CommandError: 51132 and 51185 for values that cannot be matched, 10334 for a document that is too large, 13113, 66, 11000,
                121, 17419 for failed writes.
        """
        merge = self.merge
        failure: CommandError | None = None
        for batch in self._batches(source):
            failed = self.ctx.host.merge_documents(merge.db, merge.collection, self.ctx.bypass_document_validation, batch, self._write)
            failure = failure or failed
        if failure is not None:
            raise failure
        yield from ()

    def _batches(self, source: Iterable[bytes]) -> Iterator[list[Keyed]]:
        """Yield batches of documents with their `on` values. If the source raises, yield the incomplete batch before the error
        propagates.
        """
        batch: list[Keyed] = []
        room = BATCH_BYTES
        try:
            for document in with_ids(source, self.ctx.parse.generate_object_id) if self.merge.on == ("_id",) else source:
                values = self._values(document)
                batch.append((check_result_size(document), values))
                room -= len(document) + DOCUMENT_COST
                if room < 0:
                    yield batch
                    batch, room = [], BATCH_BYTES
        except CommandError:
            if batch:
                yield batch
            raise
        if batch:
            yield batch

    def _values(self, document: bytes) -> dict[str, Any]:
        """Return the document's values at the `on` paths."""
        if self.merge.on == ("_id",):
            document = id_document(document)
        fields = decode_stored(document)
        return {path: self._value(fields, path) for path in self.merge.on}

    def _value(self, fields: dict[str, Any], path: str) -> Any:
        value = _value_at(fields, path)
        if type(value) is list:
            raise CommandError(51185, f"$merge write error: 'on' field '{path}' cannot be an array")
        if value is MISSING or value is None or value is UNDEFINED:
            if not self.merge.nullable:
                raise CommandError(
                    51132, f"$merge write error: 'on' field '{path}' cannot be missing, null or undefined if supporting index is sparse"
                )
            return None
        return value

    def _write(self, target: WriteTarget, item: Keyed) -> None:
        """Write one document to the target according to `whenMatched` and `whenNotMatched`."""
        document, values = item
        merge = self.merge
        # Skip the search if every match would be an error: the insert then reports the duplicate key.
        found = None if merge.when_matched == "fail" else target.find(values)
        if found is None:
            self._write_new(target, document, values)
        elif merge.when_matched != "keepExisting":
            new = self._changed(found[1], document)
            if new != found[1]:
                target.replace(found, new, self._entry(found[1], new))

    def _write_new(self, target: WriteTarget, document: bytes, values: dict[str, Any]) -> None:
        merge = self.merge
        if merge.when_not_matched == "fail":
            raise CommandError(
                13113,
                "$merge could not find a matching document in the target collection for at least one document in the source collection",
            )
        if merge.when_not_matched == "insert":
            if merge.when_matched in ("merge", "keepExisting"):
                document = _as_upsert(document, values)
            [complete] = with_ids([document], self.ctx.parse.generate_object_id)
            target.insert(complete)

    def _changed(self, old: bytes, document: bytes) -> bytes:
        """Return the new version of a matched document, with its `_id` unchanged."""
        before = decode_stored(old)
        if self.merge.when_matched == "merge":
            after = {**before, **_by_name(decode_stored(document))}
        elif self.merge.when_matched == "replace":
            after = decode_stored(document)
        else:
            after = decode_stored(self.merge.apply_pipeline(old, document))
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

    def _entry(self, old: bytes, new: bytes) -> bytes:
        """Return the content of the oplog entry for a change.

        A replacement is logged as the new document. Other changes are logged as the changed fields if these are smaller.
        """
        if self.merge.when_matched == "replace":
            return new
        return smallest_entry(old, new, nested=self.merge.when_matched != "merge")


def _as_upsert(document: bytes, values: dict[str, Any]) -> bytes:
    """Return the document that an upsert with `$set` would insert: its fields are sorted by name, and missing `on` fields are null."""
    fields = decode_stored(document)
    missing = {path: None for path, value in values.items() if value is None and "." not in path and path not in fields}
    return encode({**missing, **_by_name(fields)})


def _by_name(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields sorted by name, the order in which `$set` adds them."""
    return dict(sorted(fields.items()))


def _value_at(document: dict[str, Any], path: str) -> Any:
    """Return the value at a path. If the path leads through an array, return that array, because an array cannot be matched."""
    value: Any = document
    for name in path.split("."):
        if type(value) is list:
            return value
        value = value.get(name, MISSING) if type(value) is dict else MISSING
    return value
