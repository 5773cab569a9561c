"""filemd5: the MD5 checksum of a GridFS file. https://www.mongodb.com/docs/manual/reference/command/filemd5/"""

from __future__ import annotations

import hashlib
from typing import Any

from bson.binary import Binary

from secantus_server.bson import decode, int_value
from secantus_server.bson.values import MISSING
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_database
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported
from secantus_server.exec.read_scope import ReadScope
from secantus_server.query.canonical import parse_query
from secantus_server.query.find import matching_documents
from secantus_server.work.reading import command_context

_OUT_OF_ORDER = 50985


@command(
    "filemd5",
    {"root": a.string("fs"), "partialOk": a.boolean(), "md5state": a.anything()},
    privileges=on_database("find"),
)
def file_md5(request: Request, args: dict[str, Any]) -> Reply:
    """Return the MD5 checksum of a GridFS file."""
    if args["partialOk"] or args["md5state"] is not None:
        raise not_supported("filemd5 with partialOk or md5state", "leave them out")
    name = collection_name("filemd5", request.db, f"{args['root']}.chunks")
    digest, count = hashlib.md5(usedforsecurity=False), 0
    with request.work.reading() as transaction:
        collection = transaction.catalog.find(request.db, name)
        context = command_context(request, collection=collection)
        query = parse_query({"files_id": {"$eq": request.body[request.name]}}, context, sort={"files_id": 1, "n": 1})
        scope = ReadScope(transaction.unit, request.operation.check, transaction.catalog)
        for document in matching_documents(collection, query, scope):
            digest.update(_data(decode(document), count))
            count += 1
        scope.close()
    return {"numChunks": int_value(count), "md5": digest.hexdigest()}


def _data(chunk: dict[str, Any], expected: int) -> bytes:
    """Return the data of a chunk.

    Raises:
        CommandError: 50985 if a chunk is missing, 50849 if its data is not binary.
    """
    if chunk.get("n", MISSING) != expected:
        raise CommandError(_OUT_OF_ORDER, f"Should have chunk: {expected} have: {chunk.get('n')}")
    data = chunk.get("data")
    if not isinstance(data, bytes | Binary):
        raise CommandError(50849, "The element that calls binDataClean() must be type of BinData")
    return bytes(data)
