"""The writes of commands with `encryptionInformation`. Each statement writes the state collections and the document in one transaction."""

from __future__ import annotations

from typing import Any

from secantus_server.bson import decode_stored, encode
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.transaction_numbers import executed_before
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.encryption.fields import SAFE_CONTENT, EncryptedFields, safe_content_error
from secantus_server.encryption.payloads import contains_payload
from secantus_server.encryption.queries import QueryRewriter
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.update import Update, smallest_entry
from secantus_server.storage.errors import concerns_store
from secantus_server.work.delete_documents import Deleted, delete_documents, first_match, parse_delete
from secantus_server.work.encrypted.reads import NOT_ENCRYPTED, check_information, check_rewritten
from secantus_server.work.encrypted.state import StateWriter
from secantus_server.work.insert_documents import Chunk
from secantus_server.work.retried import stage_retried
from secantus_server.work.update_documents import OneUpdate, UpdateOutcome, UpdateStatement, parse_statement
from secantus_server.work.writing import WriteErrors, note_failure

MAX_DOCUMENT_SIZE = 16 * 1024 * 1024
_SETTING = frozenset(["$set", "$setOnInsert"])


class _Refused(Exception):
    """Raised in an insert's transaction to abort it, because the document could not be inserted."""


class StatementRewriter:
    """Replaces the payloads in the statements of one command in a write transaction.

    Arguments:
        information: the command's `encryptionInformation`.

    Raises:
        CommandError: 6346807 if the collection does not exist; see also `check_information`.
    """

    def __init__(self, request: Request, transaction: Transaction, name: str, information: dict[str, Any]) -> None:
        collection = transaction.catalog.find(request.db, name)
        check_information(request.db, name, information, collection)
        if collection is None:
            raise CommandError(NOT_ENCRYPTED, f"The collection {request.db}.{name} does not exist: create it with encryptedFields")
        self.collection: Collection = collection
        self._state = StateWriter(request, transaction, collection)
        self._fields = EncryptedFields(collection.options["encryptedFields"])

    def document(self, document: bytes) -> bytes:
        """Return a client's document with its values to store and its tags."""
        return encode(self._fields.store_document(decode_stored(document), self._state.store))

    def query(self, query: dict[str, Any]) -> dict[str, Any]:
        """Return a filter without payloads."""
        return QueryRewriter(self._fields, self._state.find_tags).match(query)

    def update(self, update: Any) -> Any:
        """Return an update document without payloads.

        Raises:
            CommandError: 238 for a pipeline, 2 BadValue for a payload in an operator other than `$set` and `$setOnInsert`.
        """
        if type(update) is not dict:
            raise not_supported("an update pipeline on an encrypted collection", "use update operators")
        if not next(iter(update), "").startswith("$"):
            return self._fields.store(update, "", self._state.store)
        found = {}
        for operator, changes in update.items():
            if contains_payload(changes):
                if operator not in _SETTING or type(changes) is not dict:
                    raise CommandError(2, f"An encrypted value cannot be used with {operator}: use $set")
                changes = {path: self._fields.store(value, path, self._state.store) for path, value in changes.items()}
            found[operator] = changes
        return found

    def tagging(self, update: Update) -> TaggingUpdate:
        """Return an update that also keeps the document's tags up to date."""
        return TaggingUpdate(update, self._fields)


class TaggingUpdate:
    """An update after which the tags of a document are those of its encrypted fields; see `Update`.

    Arguments:
        update: the update without payloads.
    """

    modified_paths: frozenset[str] | None = None

    def __init__(self, update: Update, fields: EncryptedFields) -> None:
        self._update = update
        self._fields = fields
        self.is_replacement = update.is_replacement
        self.needs_array_index = update.needs_array_index

    def apply(self, doc: bytes, *, array_index: int | None = None, inserting: bool = False) -> bytes:
        """Apply the update to a document, and update its tags.

        Raises:
            CommandError: 2 BadValue if the update itself changes the tags, 17419 if the document is too large.
        """
        new = self._update.apply(doc, array_index=array_index, inserting=inserting)
        if new is doc:
            return doc
        before, after = decode_stored(doc), decode_stored(new)
        if after.get(SAFE_CONTENT) != (None if self.is_replacement else before.get(SAFE_CONTENT)):
            raise safe_content_error()
        current = list(self._fields.tags(after))
        # Tags of other values stay, except in a replaced document. Only writes without `encryptionInformation` leave such tags.
        old = set(before.get(SAFE_CONTENT, ()) if self.is_replacement else self._fields.tags(before))
        kept = [tag for tag in before.get(SAFE_CONTENT, ()) if tag in current or tag not in old]
        tags = [*kept, *(tag for tag in current if tag not in kept)]
        if not tags and SAFE_CONTENT not in after:
            return new
        new = encode({**after, SAFE_CONTENT: tags})
        if len(new) > MAX_DOCUMENT_SIZE:
            raise CommandError(17419, f"Resulting document after update is larger than {MAX_DOCUMENT_SIZE}")
        return new

    def entry(self, old: bytes, new: bytes) -> bytes:
        """Return the field `o` of the update's oplog entry; see `Update.entry`."""
        return new if self.is_replacement else smallest_entry(old, new)


def insert_encrypted(
    request: Request, name: str, documents: list[bytes], information: dict[str, Any], *, ordered: bool, bypass_validation: bool
) -> tuple[int, WriteErrors]:
    """Insert documents into an encrypted collection, each in its own transaction; see `insert_documents`."""
    total = 0
    errors: WriteErrors = []
    for position in range(len(documents)):
        if executed_before(request, request.statement + position, "insert") is not None:
            total += 1
            continue
        chunk = Chunk(request, name, list(documents), position, position + 1, ordered, bypass_validation)
        total += _insert_one(request, chunk, information)
        if chunk.interruption is not None:
            raise chunk.interruption
        errors += chunk.errors
        if errors and ordered:
            break
    return total, errors


def _insert_one(request: Request, chunk: Chunk, information: dict[str, Any]) -> int:
    """Insert the document of a chunk, or note its error. Return the number of inserted documents."""
    position, document = chunk.reached, chunk.documents[chunk.reached]

    def body(transaction: Transaction) -> int:
        rewriter = StatementRewriter(request, transaction, chunk.name, information)
        chunk.documents[position] = rewriter.document(document)
        count = chunk.run(transaction)
        if not count:
            raise _Refused
        return count

    try:
        return request.work.write(body, request.operation.check)
    except _Refused:
        return 0
    except CommandError as error:
        if concerns_store(error):
            raise
        note_failure(request, chunk.errors, position, error)
        return 0


class _EncryptedUpdate(OneUpdate):
    """The execution of a statement that updates at most one document of an encrypted collection."""

    __slots__ = ("_information",)

    def __init__(
        self, request: Request, name: str, spec: dict[str, Any], let: dict[str, Any], bypass_validation: bool, information: dict[str, Any]
    ) -> None:
        super().__init__(request, name, spec, let, bypass_validation)
        self._information = information

    def _parse(self, transaction: Transaction, collection: Collection | None) -> UpdateStatement:
        rewriter = StatementRewriter(self._request, transaction, self._name, self._information)
        spec = {**self._spec, "q": rewriter.query(self._spec["q"]), "u": rewriter.update(self._spec["u"])}
        check_rewritten({"arrayFilters": spec["arrayFilters"], "let": self._let})
        statement = parse_statement(self._request, collection, spec, self._let)
        statement.update = rewriter.tagging(statement.update)
        return statement


def update_encrypted(
    request: Request, name: str, spec: dict[str, Any], let: dict[str, Any], information: dict[str, Any], *, bypass_validation: bool
) -> UpdateOutcome:
    """Run an update statement on an encrypted collection; see `run_update`.

    Raises:
        CommandError: 2 BadValue for an update of several documents, and the errors of `run_update` and `StatementRewriter`.
    """
    if spec["multi"]:
        raise CommandError(2, "A multi-document update is not possible with Queryable Encryption")
    _check_upsert(spec["upsert"], spec["q"])
    before = executed_before(request, request.statement, "update")
    if before is not None:
        return UpdateOutcome.of_record(before, request.statement_id(request.statement))
    return _EncryptedUpdate(request, name, spec, let, bypass_validation, information).run()


def delete_encrypted(request: Request, name: str, spec: dict[str, Any], let: dict[str, Any], information: dict[str, Any]) -> int:
    """Run a delete statement on an encrypted collection; see `run_delete`.

    Raises:
        CommandError: 2 BadValue for a delete of several documents, and the errors of `parse_delete` and `StatementRewriter`.
    """
    if spec["limit"] == 0:
        raise CommandError(2, "A multi-document delete is not possible with Queryable Encryption")

    check_rewritten({"let": let})
    if executed_before(request, request.statement, "delete") is not None:
        return 1

    def body(transaction: Transaction) -> Deleted:
        rewriter = StatementRewriter(request, transaction, name, information)
        query = parse_delete(request, rewriter.collection, {**spec, "q": rewriter.query(spec["q"])}, let)
        found = first_match(request, transaction, rewriter.collection, query)
        outcome = delete_documents(request.services, transaction, rewriter.collection, found, request.operation.check)
        if request.retry is not None:
            stage_retried(request, transaction, "delete", outcome.deleted)
        return outcome

    outcome = request.work.write(body, request.operation.check)
    if outcome.failure is not None:
        raise outcome.failure
    return outcome.deleted


def modify_arguments(
    request: Request, transaction: Transaction, name: str, args: dict[str, Any]
) -> tuple[dict[str, Any], StatementRewriter]:
    """Return the arguments of findAndModify without payloads, and the rewriter for its update."""
    _check_upsert(args["upsert"], args["query"])
    rewriter = StatementRewriter(request, transaction, name, args["encryptionInformation"])
    found = {**args, "query": rewriter.query(args["query"])}
    if not args["remove"]:
        found["update"] = rewriter.update(args["update"])
    check_rewritten(found)
    return found, rewriter


def _check_upsert(upsert: bool, query: dict[str, Any]) -> None:
    if upsert and contains_payload(query):
        raise not_supported("an encrypted value in the filter of an upsert", "set it with $set, and select the document by another field")
