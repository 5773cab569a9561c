"""The BSON corpus against a server: a valid document must be returned byte for byte, and an invalid one must be rejected without side
effects.

The corpus is written for drivers, which reject text that is not valid UTF-8. A MongoDB server stores such bytes unchanged. Therefore, for
such text, both a rejection and a return of the same bytes are accepted.

Each document is sent as a field of an enclosing document, so that the server does not add an _id to it.
Specification: https://github.com/mongodb/specifications/tree/master/source/bson-corpus
"""

from __future__ import annotations

import binascii
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from secantus_conformance.corpus.wire import WireConnection, document, element, int32, string
from secantus_conformance.corpus.wire_login import log_in
from secantus_conformance.failures import AssertionFailed

DATABASE = "bson_corpus"
_COLLECTION = "documents"
_SECONDS = 10.0
_ID = 1


def run_case(uri: str, client: MongoClient[Any], file: dict[str, Any], index: int) -> None:
    """Run one case of a corpus file. Raise AssertionFailed if the check fails.

    `index` is the position of the case in the list of all cases in `valid`, followed by all cases in `decodeErrors`.
    """
    valid, invalid = file.get("valid", []), file.get("decodeErrors", [])
    client[DATABASE][_COLLECTION].delete_many({})
    with _connection(uri) as connection:
        if index < len(valid):
            _round_trip(connection, client, binascii.unhexlify(valid[index]["canonical_bson"]))
            return
        case = invalid[index - len(valid)]
        is_text = "UTF-8" in case["description"]
        _refusal(connection, client, binascii.unhexlify(case["bson"]), may_be_kept=is_text)


def _connection(uri: str) -> WireConnection:
    """Return a connection to the server. If the URI contains a user, authenticate the connection."""
    parsed = parse_uri(uri)
    host, port = parsed["nodelist"][0]
    connection = WireConnection(host, port or 27017, _SECONDS)
    if parsed["username"] is not None:
        log_in(connection, parsed["username"], parsed["password"], parsed["options"].get("authSource") or parsed["database"] or "admin")
    return connection


def _insert_command(nested: bytes) -> bytes:
    record = document(int32("_id", _ID), element(0x03, "d", nested))
    return document(
        string("insert", _COLLECTION), element(0x04, "documents", document(element(0x03, "0", record))), string("$db", DATABASE)
    )


def _round_trip(connection: WireConnection, client: MongoClient[Any], nested: bytes) -> None:
    try:
        reply = connection.command(_insert_command(nested))
    except (OSError, ValueError) as error:
        raise AssertionFailed("result", f"The server rejects the document: {error}", nested.hex(), str(error)) from error
    if not reply.get("ok") or reply.get("writeErrors"):
        raise AssertionFailed("result", "The server rejects a valid document.", nested.hex(), str(reply))
    _check_kept(client, nested)


def _check_kept(client: MongoClient[Any], nested: bytes) -> None:
    """Check that the server stored the document with exactly the bytes that were sent."""
    back = _stored(client)
    wanted = document(int32("_id", _ID), element(0x03, "d", nested))
    if back != wanted:
        raise AssertionFailed(
            "result", "The server returns the document with different bytes.", wanted.hex(), back.hex() if back else "nothing"
        )


def _stored(client: MongoClient[Any]) -> bytes | None:
    collection = client[DATABASE].get_collection(
        _COLLECTION, codec_options=client.codec_options.with_options(document_class=RawBSONDocument)
    )
    found = collection.find_one({"_id": _ID})
    return found.raw if found is not None else None


def _refusal(connection: WireConnection, client: MongoClient[Any], nested: bytes, *, may_be_kept: bool) -> None:
    try:
        reply: dict[str, Any] = connection.command(_insert_command(nested))
    except ConnectionError:
        reply = {"ok": 0.0}
    except TimeoutError as error:
        raise AssertionFailed("result", "The server does not answer a command with an invalid document.", "an error", "nothing") from error
    try:
        client.admin.command("ping")
        kept = client[DATABASE][_COLLECTION].count_documents({})
    except PyMongoError as error:
        raise AssertionFailed("result", f"An invalid document harms the server: {error}", "the server keeps running", str(error)) from error
    if kept and may_be_kept:
        _check_kept(client, nested)
    elif (reply.get("ok") and not reply.get("writeErrors")) or kept:
        raise AssertionFailed("result", "The server accepts an invalid document.", "an error", str(reply))
