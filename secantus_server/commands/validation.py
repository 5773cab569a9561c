"""A collection's validator: what documents it lets in.

https://www.mongodb.com/docs/manual/core/schema-validation/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import decode
from secantus_server.catalog.collection import Collection
from secantus_server.commands.services import Services
from secantus_server.errors import CommandError
from secantus_server.exec._prepare import id_document
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match


def check_document(collection: Collection, document: bytes, old: bytes | None, services: Services) -> None:
    """Hold a document against the collection's validator.

    Arguments:
        document: what is to be stored.
        old: what it replaces, or None for a new one.

    Raises:
        CommandError: 121 DocumentValidationFailure.
    """
    options = collection.options
    level = options.get("validationLevel", "strict")
    if level == "off" or not options["validator"]:
        return
    match = parse_match(options["validator"], ParseContext())
    if match.matches(document) or (level == "moderate" and old is not None and not match.matches(old)):
        return
    if options.get("validationAction", "error") == "warn":
        services.log.warning(f"Document would fail validation: {collection.namespace}")
        return
    info = {"failingDocumentId": decode(id_document(document)).get("_id"), "details": details(options["validator"])}
    raise CommandError(121, "Document failed validation", info={"errInfo": info})


def details(validator: dict[str, Any]) -> dict[str, Any]:
    """What errInfo says of the rule that failed."""
    name = next(iter(validator))
    operator = name if name.startswith("$") else "$and" if len(validator) > 1 else _operator(validator[name])
    return {"operatorName": operator, "specifiedAs": validator, "reason": "the document did not match the validator"}


def _operator(condition: Any) -> str:
    return next(iter(condition)) if type(condition) is dict and next(iter(condition), "").startswith("$") else "$eq"
