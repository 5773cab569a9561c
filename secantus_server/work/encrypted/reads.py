"""The queries of commands with `encryptionInformation`."""

from __future__ import annotations

from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import ReadTransaction
from secantus_server.encryption.fields import EncryptedFields
from secantus_server.encryption.payloads import contains_payload
from secantus_server.encryption.queries import QueryRewriter
from secantus_server.errors import CommandError, not_supported
from secantus_server.work.encrypted.state import StateReader
from secantus_server.work.writing import check_not_view

NOT_ENCRYPTED = 6346807
#: The only type of `encryptionInformation`.
_TYPE = 1


def read_arguments(request: Request, args: dict[str, Any], name: str, transaction: ReadTransaction) -> dict[str, Any]:
    """Return the arguments of a read command with the payloads in its filter or pipeline replaced.

    Raises:
        CommandError: see `check_information`, `QueryRewriter`; 238 for a payload in another argument.
    """
    collection = transaction.catalog.find(request.db, name)
    check_information(request.db, name, args["encryptionInformation"], collection)
    if collection is None:
        return args
    state = StateReader(request, transaction.unit, transaction.catalog, collection)
    rewriter = QueryRewriter(EncryptedFields(collection.options["encryptedFields"]), state.find_tags)
    found = dict(args)
    for option, rewrite in (("filter", rewriter.match), ("query", rewriter.match), ("pipeline", rewriter.pipeline)):
        if args.get(option):
            found[option] = rewrite(args[option])
    check_rewritten(found)
    return found


def check_information(db: str, name: str, information: dict[str, Any], collection: Collection | None) -> None:
    """Check that a command describes an encrypted collection.

    Raises:
        CommandError: 2 BadValue, 166 CommandNotSupportedOnView, 6346807 if the collection is not encrypted.
    """
    schema = information.get("schema")
    if information.get("type") != _TYPE or type(schema) is not dict:
        raise CommandError(2, f"encryptionInformation must have the type {_TYPE} and a schema")
    if f"{db}.{name}" not in schema:
        raise CommandError(2, f"encryptionInformation has no schema for the namespace {db}.{name}")
    check_not_view(collection)
    if collection is not None and "encryptedFields" not in collection.options:
        raise CommandError(NOT_ENCRYPTED, "Target namespace is not an encrypted collection")


def check_rewritten(args: dict[str, Any]) -> None:
    """Raise if an argument still has a payload.

    Raises:
        CommandError: 238.
    """
    for option, value in args.items():
        if contains_payload(value):
            raise not_supported(f"an encrypted value in the argument {option}", "use it in the filter")
