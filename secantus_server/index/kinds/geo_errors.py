"""The error of a document that a 2dsphere index cannot hold. MongoDB 9.0 has another code, and details.

https://www.mongodb.com/docs/manual/release-notes/9.0/#improved-diagnostics-for-unindexable-documents
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.shell import document_text
from secantus_server.differences import GEO_KEY_ERRORS
from secantus_server.errors import ChangedError, CommandError
from secantus_server.mql.geo import GeometryError

# Since MongoDB 9.0.
MAX_LATER_MESSAGE = 256


def key_error(document: dict[str, Any], path: str, value: Any, error: GeometryError) -> CommandError:
    """Return the error of a document with a value that is not a geometry, at a path of the index."""
    message = f"Can't extract geo keys: {document_text(document)}  {error}"
    details = {"failingPath": path, "underlyingCode": 2, "underlyingReason": str(error), "failingElement": {path: value}}
    later = CommandError(510, message[:MAX_LATER_MESSAGE], info={"errInfo": details})
    return ChangedError(16755, message, GEO_KEY_ERRORS, later)
