"""insert. https://www.mongodb.com/docs/manual/reference/command/insert/"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import check_collection_uuid, collection_name
from secantus_server.dispatch.privileges import may_bypass_validation, on_collection
from secantus_server.dispatch.registry import InTransaction, Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.work.insert_documents import insert_documents
from secantus_server.work.writing import WriteErrors, check_statement_count, encrypted_write, finish_write, note_failure, stops_at_error

FIELDS = {
    "documents": a.documents(),
    "ordered": a.strict_boolean(True),
    "bypassDocumentValidation": a.boolean(),
    "bypassEmptyTsReplacement": a.boolean(),
    "encryptionInformation": a.document(),
    "$_isTimeseriesUpsert": a.anything(),
    "collectionUUID": a.uuid(),
}


@command(
    "insert",
    FIELDS,
    in_api_v1=True,
    is_write=True,
    is_retryable=True,
    in_transaction=InTransaction.YES,
    privileges=on_collection("insert", by_arguments=("bypassDocumentValidation",), check=may_bypass_validation),
)
def insert(request: Request, args: dict[str, Any]) -> Reply:
    """Insert documents."""
    name = collection_name("insert", request.db, request.body[request.name])
    documents = request.sequences.get("documents")
    if documents is None:
        if args["documents"] is None:
            raise CommandError(40414, "BSON field 'insert.documents' is missing but a required field")
        documents = [encode(document) for document in args["documents"]]
    check_statement_count(len(documents))
    ordered = stops_at_error(request, args["ordered"])
    try:
        check_collection_uuid(request.services.catalog, request.db, name, args["collectionUUID"])
    except CommandError as error:
        return finish_write(request, {"n": 0}, _failures(request, error, 1 if ordered else len(documents)))
    information = args["encryptionInformation"]
    insert_them = insert_documents if information is None else encrypted_write("insert_encrypted", information)
    count, errors = insert_them(request, name, documents, ordered=ordered, bypass_validation=args["bypassDocumentValidation"])
    request.client.usage.inserted += count
    return finish_write(request, {"n": count}, errors)


def _failures(request: Request, error: CommandError, count: int) -> WriteErrors:
    """Return the write errors of the first `count` documents, which all failed with the same error."""
    errors: WriteErrors = []
    for index in range(count):
        note_failure(request, errors, index, error)
    return errors
