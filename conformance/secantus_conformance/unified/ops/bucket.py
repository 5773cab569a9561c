"""The operations on a GridFS bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pymongo
from gridfs import GridFSBucket

from secantus_conformance.failures import BadTest
from secantus_conformance.unified import driver_private
from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.operators import hex_bytes
from secantus_conformance.unified.ops.arguments import keywords
from secantus_conformance.unified.ops.registry import operation


@operation("bucket", "upload", "filename source", "chunkSizeBytes metadata contentType disableMD5 session")
def upload(test: TestContext, target: GridFSBucket, arguments: dict[str, Any]) -> Any:
    """Store a file in the bucket and return its id."""
    return target.upload_from_stream(**_file(test, arguments))


@operation("bucket", "uploadWithId", "id filename source", "chunkSizeBytes metadata contentType disableMD5 session")
def upload_with_id(test: TestContext, target: GridFSBucket, arguments: dict[str, Any]) -> Any:
    """Store a file in the bucket under a given id."""
    return target.upload_from_stream_with_id(**_file(test, arguments))


def _file(test: TestContext, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of an upload for pymongo, which stores the content type in the metadata and never writes a checksum."""
    arguments.pop("disableMD5", None)
    source = arguments["source"]
    if not isinstance(source, Mapping) or list(source) != ["$$hexBytes"]:
        raise BadTest("malformed", f"A source must have the form {{$$hexBytes: ...}}, not {source!r}.")
    arguments["source"] = hex_bytes(source["$$hexBytes"])
    if "contentType" in arguments:
        arguments.setdefault("metadata", {})["contentType"] = arguments.pop("contentType")
    return keywords(test, arguments, id="file_id")


@operation("bucket", "download", "id", "session")
def download(test: TestContext, target: GridFSBucket, arguments: dict[str, Any]) -> Any:
    """Return the content of the file with a given id."""
    with target.open_download_stream(**keywords(test, arguments, id="file_id")) as stream:
        return stream.read()


@operation("bucket", "downloadByName", "filename", "revision session")
def download_by_name(test: TestContext, target: GridFSBucket, arguments: dict[str, Any]) -> Any:
    """Return the content of the file with a given name and revision."""
    with target.open_download_stream_by_name(**keywords(test, arguments)) as stream:
        return stream.read()


@operation("bucket", "delete", "id", "session")
def delete(test: TestContext, target: GridFSBucket, arguments: dict[str, Any]) -> Any:
    """Delete the file with a given id."""
    return target.delete(**keywords(test, arguments, id="file_id"))


@operation("bucket", "deleteByName", "filename", "session")
def delete_by_name(test: TestContext, target: GridFSBucket, arguments: dict[str, Any]) -> Any:
    """Delete all revisions of the file with a given name."""
    return target.delete_by_name(**keywords(test, arguments))


@operation("bucket", "rename", "id newFilename", "session")
def rename(test: TestContext, target: GridFSBucket, arguments: dict[str, Any]) -> Any:
    """Rename the file with a given id."""
    return target.rename(**keywords(test, arguments, id="file_id"))


@operation("bucket", "renameByName", "filename newFilename", "session")
def rename_by_name(test: TestContext, target: GridFSBucket, arguments: dict[str, Any]) -> Any:
    """Rename all revisions of the file with a given name."""
    return target.rename_by_name(**keywords(test, arguments))


@operation("bucket", "find", "filter", "batchSize limit skip sort session maxTimeMS", rows=True)
def find(test: TestContext, target: GridFSBucket, arguments: dict[str, Any]) -> Any:
    """Return the matching documents of the files collection."""
    return [driver_private.file_document(stream) for stream in target.find(**keywords(test, arguments))]


@operation("bucket", "drop")
def drop(test: TestContext, target: GridFSBucket, arguments: dict[str, Any]) -> Any:
    """Drop both collections of the bucket, for which pymongo has no method. As the GridFS specification requires, drop the files first."""
    files, chunks = driver_private.bucket_collections(target)
    with pymongo.timeout(_remaining_or(files.database.client.options.timeout)):
        files.drop()
        chunks.drop()


def _remaining_or(default: float | None) -> float | None:
    """Return the remaining seconds of the test's timeout for this operation.

    If the test has no timeout, return `default`, the timeout of the client, which may be None.
    """
    explicit = driver_private.explicit_timeout()
    return default if explicit is None else explicit
