"""The validation level "constraint", which guarantees that all documents of the collection satisfy its validator.

https://www.mongodb.com/docs/manual/core/schema-validation/specify-validation-level/#specify-constraint-validation
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import decode
from secantus_server.catalog.collection import Collection
from secantus_server.commands.collections.validator_options import CONSTRAINT, PREPARED, check_constraint
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.errors import CommandError
from secantus_server.exec._scan import RecordScan
from secantus_server.work.document_validation import DocumentValidator


def change_to_constraint(
    request: Request, transaction: CatalogTransaction, collection: Collection, options: dict[str, Any], args: dict[str, Any]
) -> None:
    """Apply collMod's changes that concern the level "constraint": prepare a collection for the level, or set or remove the level.

    Arguments:
        collection: the collection before the command.
        options: the collection's options after the command; this function changes them.
        args: the arguments of collMod.

    Raises:
        CommandError: 72 InvalidOptions if the level is set without preparation, or if the validator cannot be changed at this level; 121
            DocumentValidationFailure if a document does not satisfy the validator.
    """
    before = collection.options
    if args["validator"] is not None and (CONSTRAINT in (before.get("validationLevel"), args["validationLevel"]) or PREPARED in before):
        raise CommandError(72, "The validator cannot be changed while the validation level is or becomes 'constraint'")
    check_constraint(options)
    if args[PREPARED] is not None:
        _prepare(options, args[PREPARED])
    if options.get("validationLevel") != CONSTRAINT or before.get("validationLevel") == CONSTRAINT:
        return
    if PREPARED not in options:
        raise CommandError(72, f"Run collMod with {PREPARED}: true before you set the validation level to 'constraint'")
    del options[PREPARED]
    _check_documents(request, transaction, collection)


def _prepare(options: dict[str, Any], wanted: bool) -> None:
    options.pop(PREPARED, None)
    if not wanted:
        return
    if not options.get("validator") or options.get("validationLevel", "strict") != "strict":
        raise CommandError(72, f"{PREPARED} requires a validator and the validation level 'strict'")
    options[PREPARED] = True


def _check_documents(request: Request, transaction: CatalogTransaction, collection: Collection) -> None:
    validator = DocumentValidator(collection, request.services)
    scan = RecordScan(collection.ident, None, request.operation.check)
    scan.attach(transaction.unit)
    try:
        for document in scan:
            if not validator.accepts(document):
                info = {"failingDocumentId": decode(document).get("_id")}
                message = f"A document of {collection.namespace} does not satisfy the validator; change it before you set the level"
                raise CommandError(121, message, info={"errInfo": info})
    finally:
        scan.close()
