"""The `client` document of a connection's first hello.

https://github.com/mongodb/specifications/blob/master/source/mongodb-handshake/handshake.md
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.bson.values import type_name
from secantus_server.errors import CommandError

MAX_METADATA_BYTES = 512
MAX_APPLICATION_NAME_BYTES = 128
_REQUIRED = {"driver": ("name", "version"), "os": ("type",)}


def check_client_metadata(metadata: Any) -> None:
    """Validate a client metadata document. Check its size first, as in MongoDB.

    Raises:
        CommandError: 185 if the document is too large, 184 if the application name is too long, 183 for a missing field, 14 for a wrong
            type.
    """
    if type(metadata) is not dict:
        raise CommandError(14, "The client metadata document must be a document")
    if len(encode(metadata)) > MAX_METADATA_BYTES:
        raise CommandError(185, f"The client metadata document must be less then or equal to {MAX_METADATA_BYTES} bytes")
    if "application" in metadata:
        _check_application(metadata["application"])
    for part in _REQUIRED:
        if part not in metadata:
            raise CommandError(183, f"Missing required sub-document '{part}' in the client metadata document")
        _check_document(part, metadata[part])
    for part, names in _REQUIRED.items():
        for name in names:
            _check_field(part, name, metadata[part])


def _check_application(application: Any) -> None:
    _check_document("application", application)
    if "name" not in application:
        return
    _check_field("application", "name", application)
    if len(application["name"].encode("utf-8", "surrogateescape")) > MAX_APPLICATION_NAME_BYTES:
        raise CommandError(184, f"The 'application.name' field must be less then or equal to {MAX_APPLICATION_NAME_BYTES} bytes in length")


def _check_document(part: str, value: Any) -> None:
    if type(value) is not dict:
        raise CommandError(14, f"The '{part}' field must be a document in the client metadata, not {type_name(value)}")


def _check_field(part: str, name: str, document: dict[str, Any]) -> None:
    if name not in document:
        raise CommandError(183, f"Missing required field '{part}.{name}' in the client metadata document")
    if type(document[name]) is not str:
        raise CommandError(14, f"The '{part}.{name}' field must be a string in the client metadata, not {type_name(document[name])}")
