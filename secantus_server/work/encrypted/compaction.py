"""The compaction and the cleanup of the state collections of an encrypted collection.

https://www.mongodb.com/docs/manual/reference/command/compactStructuredEncryptionData/

Both examine the values in the ECOC and then empty it. Unlike MongoDB, a compaction adds no anchors to hide the number of values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from secantus_server.bson import decode
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.encryption.tokens import TOKEN_BYTES, decrypt, derive, derive_pair
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.query.canonical import parse_query
from secantus_server.query.find import matching_documents
from secantus_server.query.plan import Found
from secantus_server.work.encrypted.state import Position, StateWriter, state_names


@dataclass(slots=True)
class CompactionCounts:
    """The numbers of documents that a compaction or cleanup read, inserted, updated and deleted."""

    examined: int = 0
    read: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0


def compact(request: Request, transaction: Transaction, collection: Collection, tokens: dict[str, Any]) -> CompactionCounts:
    """Replace the ESC's documents of each examined value with an anchor.

    Arguments:
        collection: the encrypted collection.
        tokens: the token with which the ECOC's values of each field are decrypted.

    Raises:
        CommandError: 14 TypeMismatch for an invalid token.
    """

    def replace(state: StateWriter, counts: CompactionCounts, esc: bytes, position: Position) -> None:
        if position.count > position.anchored:
            state.esc_writer().insert(state.anchor(esc, position.anchor + 1, 0, position.count))
            counts.inserted += 1

    return _run(request, transaction, collection, tokens, replace)


def clean_up(request: Request, transaction: Transaction, collection: Collection, tokens: dict[str, Any]) -> CompactionCounts:
    """Replace the ESC's documents and anchors of each examined value with a null anchor; see `compact`."""

    def replace(state: StateWriter, counts: CompactionCounts, esc: bytes, position: Position) -> None:
        if not position.count:
            return
        ids = derive(esc, 1)
        old, new = state.find(derive_pair(ids, 0, 0)), state.anchor(esc, 0, position.anchor, position.count)
        if old is None:
            state.esc_writer().insert(new)
            counts.inserted += 1
        else:
            state.esc_writer().update(old[1], new, old[0])
            counts.updated += 1
        for number in range(position.first + 1, position.anchor + 1):
            _delete(state, counts, derive_pair(ids, 0, number))

    return _run(request, transaction, collection, tokens, replace)


def _run(
    request: Request,
    transaction: Transaction,
    collection: Collection,
    tokens: dict[str, Any],
    replace: Callable[[StateWriter, CompactionCounts, bytes, Position], None],
) -> CompactionCounts:
    """Replace the documents of the values in the ECOC, and empty the ECOC."""
    counts = CompactionCounts()
    state = StateWriter(request, transaction, collection)
    examined = _examined(request, transaction, collection, state)
    counts.examined = len(examined)
    for esc in dict.fromkeys(_esc_token(decode(document), tokens) for _, document in examined):
        position = state.position(esc)
        replace(state, counts, esc, position)
        for number in range(position.anchored + 1, position.count + 1):
            _delete(state, counts, derive(derive(esc, 1), number))
    for record_id, document in examined:
        state.ecoc_writer().delete(document, record_id)
    return counts


def _examined(request: Request, transaction: Transaction, collection: Collection, state: StateWriter) -> list[Found]:
    """Return the RecordIds and the documents of the ECOC."""
    ecoc = transaction.catalog.find(collection.db, state_names(collection)[1])
    if ecoc is None:
        return []
    scope = ReadScope(transaction.unit, request.operation.check, transaction.catalog)
    documents = matching_documents(ecoc, parse_query({}, state.context), scope)
    found = [(documents.record_id, document) for document in documents]
    scope.close()
    return found


def _esc_token(document: dict[str, Any], tokens: dict[str, Any]) -> bytes:
    """Return the ESC's token in a document of the ECOC.

    A field with a range index has a token document. Its values end with one more byte, which says whether they are leaves.
    """
    given = tokens.get(document["fieldName"])
    token = given.get("ecoc") if type(given) is dict else given
    if not isinstance(token, bytes) or len(token) != TOKEN_BYTES:
        raise CommandError(14, f"The token of the encrypted field {document['fieldName']} must have {TOKEN_BYTES} bytes of binary data")
    return decrypt(bytes(token), bytes(document["value"]))[:TOKEN_BYTES]


def _delete(state: StateWriter, counts: CompactionCounts, key: bytes) -> None:
    """Delete a document of the ESC."""
    found = state.find(key)
    if found is not None:
        state.esc_writer().delete(found[1], found[0])
        counts.read += 1
        counts.deleted += 1
