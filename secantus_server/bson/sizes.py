"""The maximum size of documents. https://www.mongodb.com/docs/manual/reference/limits/#bson-documents"""

from __future__ import annotations

from secantus_server.errors import CommandError

#: The maximum size of a stored document.
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
#: The maximum size of a result document. MongoDB allows results, commands and replies to be 16 KB larger than stored documents.
MAX_RESULT_BYTES = MAX_DOCUMENT_BYTES + 16 * 1024


def too_large(size: int) -> CommandError:
    """Return the error for a result document that is larger than `MAX_RESULT_BYTES`: 10334 BSONObjectTooLarge."""
    limit = f"{MAX_RESULT_BYTES}({MAX_RESULT_BYTES // 1048576}MB)"
    return CommandError(10334, f"BSONObj size: {size} (0x{size:X}) is invalid. Size must be between 0 and {limit}")


def check_result_size(document: bytes) -> bytes:
    """Check the size of a result document, and return the document.

    Raises:
        CommandError: 10334 BSONObjectTooLarge.
    """
    if len(document) > MAX_RESULT_BYTES:
        raise too_large(len(document))
    return document
