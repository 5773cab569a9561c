"""Document validation, which checks new versions of documents against a collection's validator.

https://www.mongodb.com/docs/manual/core/schema-validation/
"""

from __future__ import annotations

from typing import Any

from bson.binary import Binary

from secantus_server.bson import decode, decode_stored
from secantus_server.bson.values import Date
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.modules import import_late
from secantus_server.mql.collation import parse_collation
from secantus_server.mql.context import ParseContext


class DocumentValidator:
    """A collection's validator, parsed for one command.

    Arguments:
        collection: a collection that has a validator.
        services: the server, which provides the clock for `$$NOW` and the log for warnings.
    """

    def __init__(self, collection: Collection, services: Services) -> None:
        options = collection.options
        self._namespace = collection.namespace
        self._validator: dict[str, Any] = options["validator"]
        self._moderate = options.get("validationLevel") == "moderate"
        self._action = options.get("validationAction", "error")
        ctx = ParseContext(
            now=Date(services.clock.now_ms()),
            cluster_time=services.document_time(),
            collation=parse_collation(options.get("collation")),
            random=services.clock.random,
            clock_ms=services.clock.now_ms,
            release=services.release,
        )
        self._match = import_late("secantus_server.mql.match.language").parse_match(self._validator, ctx)
        self._ctx = ctx
        self._log = services.log

    def accepts(self, document: bytes) -> bool:
        """Return whether a document satisfies the validator."""
        return bool(self._match.matches(document))

    def check(self, document: bytes, old: bytes | None) -> None:
        """Raise if a document fails validation. With the validation action `warn`, only log a warning.

        With the validation level `moderate`, a document whose old version is already invalid is accepted.

        Arguments:
            document: the document to store.
            old: the document to replace, or None for an insert.

        Raises:
            CommandError: 121 DocumentValidationFailure.
        """
        matches = self._match.matches
        if matches(document) or (self._moderate and old is not None and not matches(old)):
            return
        if self._action != "error":
            self._log.warning(f"Document would fail validation: {self._namespace}")
        if self._action == "warn":
            return
        fields = decode(document)
        explain_failure = import_late("secantus_server.mql.match.failure").explain_failure
        info = {"failingDocumentId": fields.get("_id"), "details": explain_failure(self._validator, fields, self._ctx)}
        raise CommandError(121, "Document failed validation", info={"errInfo": info})


class EncryptedFields:
    """A validator for collections with encrypted fields, whose values the client must encrypt.

    Arguments:
        config: the collection's `encryptedFields` option.
        others: the collection's ordinary validator, or None.
    """

    def __init__(self, config: dict[str, Any], others: DocumentValidator | None) -> None:
        self._paths = [field["path"].split(".") for field in config["fields"]]
        self._others = others

    def check(self, document: bytes, old: bytes | None) -> None:
        """Raise if a document is invalid; see `DocumentValidator.check`.

        Raises:
            CommandError: 121 DocumentValidationFailure, 238 for two fields of the same name.
        """
        fields = decode_stored(document)
        if not all(_is_encrypted(fields, path) for path in self._paths):
            raise CommandError(121, "Document failed validation", info={"errInfo": {"failingDocumentId": fields.get("_id")}})
        if self._others is not None:
            self._others.check(document, old)


# The first bytes of the values that a server stores in encrypted fields, for fields without an index and for each kind of index.
# https://github.com/mongodb/specifications/blob/master/source/bson-binary-encrypted/binary-encrypted.md
_STORED_KINDS = frozenset([6, 7, 9, 14, 15, 16, 17])
_ENCRYPTED_SUBTYPE = 6


def _is_encrypted(value: Any, path: list[str]) -> bool:
    """Return whether the value at a path is encrypted or missing. Return False if the path leads through an array."""
    for name in path:
        if type(value) is not dict:
            return type(value) is not list
        if name not in value:
            return True
        value = value[name]
    return isinstance(value, Binary) and value.subtype == _ENCRYPTED_SUBTYPE and value[:1] != b"" and value[0] in _STORED_KINDS


def validation_of(collection: Collection, services: Services) -> DocumentValidator | EncryptedFields | None:
    """Return the validator for a collection's documents, or None if the collection has no validator."""
    options = collection.options
    encrypted = options.get("encryptedFields")
    if not options.get("validator") or options.get("validationLevel") == "off":
        return None if encrypted is None else EncryptedFields(encrypted, None)
    validator = DocumentValidator(collection, services)
    return validator if encrypted is None else EncryptedFields(encrypted, validator)
