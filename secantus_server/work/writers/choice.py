"""The selection of a collection's writer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secantus_server.auth.collections import USERS_DB, WITH_KEYS
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.unit_of_work import MissingCollection, Transaction
from secantus_server.errors import CommandError
from secantus_server.modules import import_late
from secantus_server.work.writers.plain import PlainWriter
from secantus_server.work.writers.writer import Writer

if TYPE_CHECKING:
    from secantus_server.work.writers.buckets import BucketWriter

#: The option that marks a collection which collMod has prepared for the validation level "constraint".
PREPARED = "prepareConstraintValidationLevel"


def open_writer(
    services: Services,
    transaction: Transaction,
    collection: Collection,
    *,
    bypass_validation: bool = False,
    known_valid: bool = False,
    replicated: bool = True,
) -> Writer:
    """Return a writer of a collection's documents, which stages its writes for the transaction's commit.

    Arguments:
        collection: the collection in the transaction's catalog. For a time-series collection, this is the view, not the buckets
            collection.
        bypass_validation: whether to skip the collection's validator.
        known_valid: whether the documents were valid when they were stored before, such as those that a rename copies. They are not
            validated again, whatever the validation level.
        replicated: whether to write oplog entries. Writes to the collection of users never have entries, because the oplog would contain
            credentials.

    Raises:
        CommandError: 263 OperationNotSupportedInTransaction if a session's transaction writes to a capped collection, 72 if the validator
            is skipped but the validation level is "constraint".
    """
    if collection.is_view:
        return open_bucket_writer(services, transaction, collection, replicated=replicated)
    if transaction.in_session and collection.is_capped:
        raise CommandError(
            263,
            f"Collection '{collection.namespace}' is a capped collection. Writes in transactions are not allowed on capped collections.",
        )
    if bypass_validation and (collection.options.get("validationLevel") == "constraint" or PREPARED in collection.options):
        raise CommandError(72, f"bypassDocumentValidation is not allowed: the validation level of {collection.namespace} is 'constraint'")
    if collection.db == USERS_DB and collection.name in WITH_KEYS:
        replicated = False
    kind = PlainWriter if not (collection.is_capped or collection.is_clustered) else _special_writer(collection)
    return kind(services, transaction, collection, bypass_validation=bypass_validation or known_valid, replicated=replicated)


def _special_writer(collection: Collection) -> type[PlainWriter]:
    """Return the class of the writer of a capped or clustered collection, whose module is imported for the first such collection."""
    name = "capped" if collection.is_capped else "clustered"
    kind: type[PlainWriter] = getattr(import_late(f"secantus_server.work.writers.{name}"), f"{name.capitalize()}Writer")
    return kind


def open_bucket_writer(services: Services, transaction: Transaction, collection: Collection, *, replicated: bool = True) -> BucketWriter:
    """Return a writer of a time-series collection.

    Arguments:
        collection: the time-series collection (the view) in the transaction's catalog.

    Raises:
        CommandError: 263 OperationNotSupportedInTransaction.
        MissingCollection: if a restore dropped the buckets but retained the definition of the collection.
    """
    assert collection.is_timeseries, "other views have no documents"
    if transaction.in_session:
        text = f"Cannot insert into a time-series collection in a multi-document transaction: {collection.namespace}"
        raise CommandError(263, text)
    buckets = transaction.catalog.find(collection.db, collection.options["viewOn"])
    if buckets is None:
        raise MissingCollection(collection.db, collection.name)
    writer: BucketWriter = import_late("secantus_server.work.writers.buckets").BucketWriter(
        services, transaction, buckets, replicated=replicated
    )
    return writer
