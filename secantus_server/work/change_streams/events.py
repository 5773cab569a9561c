"""Conversion of oplog entries to change events.

https://www.mongodb.com/docs/manual/reference/change-events/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from secantus_server.bson import RawDocument, decode, decode_stored, encode, make_timestamp
from secantus_server.bson.values import timestamp_of
from secantus_server.errors import CommandError
from secantus_server.oplog.reader import Operation
from secantus_server.oplog.resume_tokens import Token, event_identity
from secantus_server.oplog.update_description import UpdateDescription, apply_diff
from secantus_server.pipeline.stages.change_stream import ChangeStreamOptions
from secantus_server.work.change_streams.commands import CommandEvent, command_event
from secantus_server.work.change_streams.scope import StreamScope

# Reads the current version of a document, given its database, collection, collection UUID and document key. Returns None if it was deleted.
Lookup = Callable[[str, str, Any, bytes], bytes | None]
# Returns the recorded document before a change, or None if it was not recorded or has expired.
PreImage = Callable[[Operation], bytes | None]


class Event(NamedTuple):
    """A change event.

    Arguments:
        token: the event's resume token.
        text: the token as hexadecimal digits.
        document: the event as BSON bytes, or a function that returns them. The function also looks up the full document and the pre-image
            if the event contains them.
    """

    token: Token
    text: str
    document: bytes | Callable[[], bytes]


class EventMaker:
    """A converter from oplog operations to the events of one stream.

    Arguments:
        scope: the collection, database or cluster that the stream watches.
        options: the options of `$changeStream`.
        lookup: a function that reads the current version of a document.
        pre_image: a function that reads the recorded version of a document before a change.
    """

    def __init__(self, scope: StreamScope, options: ChangeStreamOptions, lookup: Lookup, pre_image: PreImage) -> None:
        self._scope = scope
        self._options = options
        self._lookup = lookup
        self._pre_image = pre_image

    def events(self, operation: Operation) -> Iterator[Event]:
        """Yield the events of an operation: none, one event, or an event followed by an `invalidate` event."""
        fields = operation.fields
        kind, (db, _, name) = fields["op"], fields["ns"].partition(".")
        if kind == "c":
            yield from self._command_events(operation, db)
        elif kind in ("i", "u", "d") and self._scope.watches(db, name):
            yield self._document_event(operation, db, name)

    def _document_event(self, operation: Operation, db: str, name: str) -> Event:
        fields = operation.fields
        o: bytes = fields["o"].data
        key = o if fields["op"] == "d" else _key_of(fields, o)
        kind = _KINDS.get(fields["op"]) or ("update" if o[5:8] == _DIFF_MARK else "replace")
        identity = event_identity(fields.get("ui"), kind, "documentKey", decode(key))
        token = Token(operation.stamp, True, operation.txn_index, False, identity)
        text = token.text()

        def document() -> bytes:
            event = self._head(operation, text, kind)
            full = self._full_document(operation, kind, db, name, o, key)
            if full is not _ABSENT:
                event["fullDocument"] = full
            event["ns"] = {"db": db, "coll": name}
            event["documentKey"] = RawDocument(key)
            if kind == "update":
                self._describe_update(event, o)
            if kind != "insert" and self._options.before != "off":
                event["fullDocumentBeforeChange"] = self._before(operation)
            return encode(event)

        return Event(token, text, document)

    def _head(self, operation: Operation, text: str, kind: str, *, of_view: bool = False) -> dict[str, Any]:
        """Return the leading fields of an event, which all kinds of events have."""
        event: dict[str, Any] = {
            "_id": {"_data": text},
            "operationType": kind,
            "clusterTime": make_timestamp(operation.stamp >> 32, operation.stamp & 0xFFFFFFFF),
        }
        uuid = operation.fields.get("ui")
        if uuid is not None and self._options.expanded and kind != "invalidate" and not of_view:
            event["collectionUUID"] = uuid
        event["wallTime"] = operation.wall
        if operation.lsid is not None and kind != "invalidate":
            event["txnNumber"] = operation.txn_number
            event["lsid"] = operation.lsid
        return event

    def _full_document(self, operation: Operation, kind: str, db: str, name: str, o: bytes, key: bytes) -> Any:
        if kind in ("insert", "replace"):
            return RawDocument(o)
        mode = self._options.full_document
        if kind == "delete" or mode == "default":
            return _ABSENT
        if mode == "updateLookup":
            found = self._lookup(db, name, operation.fields.get("ui"), key)
            return None if found is None else RawDocument(found)
        before = self._pre_image(operation)
        if before is not None:
            return apply_diff(decode_stored(before), decode(o)["diff"])
        if mode == "required":
            raise _no_image("post-image", "fullDocument", operation)
        return None

    def _describe_update(self, event: dict[str, Any], o: bytes) -> None:
        if self._options.raw_description:
            event["rawUpdateDescription"] = RawDocument(o)
        else:
            event["updateDescription"] = UpdateDescription(decode(o)["diff"]).document(expanded=self._options.expanded)

    def _before(self, operation: Operation) -> Any:
        found = self._pre_image(operation)
        if found is not None:
            return RawDocument(found)
        if self._options.before == "required":
            raise _no_image("pre-image", "fullDocumentBeforeChange", operation)
        return None

    def _command_events(self, operation: Operation, db: str) -> Iterator[Event]:
        second = operation.fields.get("o2")
        change = command_event(db, decode(operation.fields["o"].data), None if second is None else decode(second.data))
        if change is None:
            return
        # Only the drop of a view is logged without a UUID.
        of_view = change.kind == "drop" and "ui" not in operation.fields
        if ((change.expanded or of_view) and not self._options.expanded) or not self._concerns(change):
            return
        details = change.details.get("operationDescription")
        identity = event_identity(operation.fields.get("ui"), change.kind, "operationDescription", details)
        token = Token(operation.stamp, True, operation.txn_index, False, identity)
        text = token.text()
        yield Event(token, text, lambda: self._command_document(operation, text, change))
        if self._scope.invalidated_by(change.kind):
            ending = token._replace(from_invalidate=True)
            last = ending.text()
            yield Event(ending, last, lambda: encode(self._head(operation, last, "invalidate")))

    def _concerns(self, change: CommandEvent) -> bool:
        return self._scope.watches(change.db, change.collection) or (change.to is not None and self._scope.watches(*change.to))

    def _command_document(self, operation: Operation, text: str, change: CommandEvent) -> bytes:
        event = self._head(operation, text, change.kind, of_view=change.details.get("nsType") in ("view", "timeseries"))
        event["ns"] = {"db": change.db} if change.collection is None else {"db": change.db, "coll": change.collection}
        hidden = () if self._options.expanded else _EXPANDED_FIELDS
        event.update((name, value) for name, value in change.details.items() if name not in hidden)
        return encode(event)


# A diff begins with the field `$v`, which follows the document's length and the field's type.
_DIFF_MARK = b"$v\0"
_KINDS = {"i": "insert", "d": "delete"}
_ABSENT = object()
_EXPANDED_FIELDS = ("operationDescription", "stateBeforeChange", "nsType")


def _key_of(fields: dict[str, Any], o: bytes) -> bytes:
    """Return the `documentKey` of an insert or update event."""
    second = fields.get("o2")
    return encode({"_id": decode(o)["_id"]}) if second is None else second.data


def _no_image(image: str, option: str, operation: Operation) -> CommandError:
    return CommandError(
        47,
        f"Change stream was configured to require a {image} for all update, delete and replace events ({option}), but the {image} was not "
        f"found for the event at {timestamp_of(operation.stamp)} in {operation.fields['ns']}. Enable changeStreamPreAndPostImages for the "
        "collection.",
    )
