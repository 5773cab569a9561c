"""The error for a document that cannot be added to a geospatial index. MongoDB 9.0 changed the error code and added details.

https://www.mongodb.com/docs/manual/release-notes/9.0/#improved-diagnostics-for-unindexable-documents
"""

from __future__ import annotations

from typing import Any, NamedTuple

from secantus_server.bson.shell import document_text
from secantus_server.differences import GEO_KEY_ERRORS, GEO_KEY_ERRORS_OF_SERIES
from secantus_server.errors import ChangedError, CommandError
from secantus_server.mql.geo import GeometryError
from secantus_server.version import Difference

# The maximum length of the error message since MongoDB 9.0.
MAX_LATER_MESSAGE = 256


class Codes(NamedTuple):
    """The two error codes for an invalid geometry, and the difference between MongoDB releases that determines which of the codes
    applies.
    """

    before: int
    after: int
    difference: Difference


PLAIN = Codes(16755, 510, GEO_KEY_ERRORS)
#: The codes for the measurements of a time series.
MEASURED = Codes(183934, 511, GEO_KEY_ERRORS_OF_SERIES)


def key_error(document: dict[str, Any], path: str, value: Any, error: GeometryError, codes: Codes = PLAIN) -> CommandError:
    """Return the error for a document that has an invalid geometry at an indexed path."""
    message = f"Can't extract geo keys: {document_text(document)}  {error}"
    details = {"failingPath": path, "underlyingCode": 2, "underlyingReason": str(error), "failingElement": {path: value}}
    later = CommandError(codes.after, message[:MAX_LATER_MESSAGE], info={"errInfo": details})
    return ChangedError(codes.before, message, codes.difference, later)
