"""How large a document may be. https://www.mongodb.com/docs/manual/reference/limits/#bson-documents"""

from __future__ import annotations

from secantus_server.errors import CommandError

#: The largest document that is stored.
MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
#: The largest document of a result: MongoDB allows it 16 KB more, as it does a command and a reply.
MAX_RESULT_BYTES = MAX_DOCUMENT_BYTES + 16 * 1024


def too_large(size: int) -> CommandError:
    """The error for a document of a result that is larger than `MAX_RESULT_BYTES`: 10334 BSONObjectTooLarge."""
    limit = f"{MAX_RESULT_BYTES}({MAX_RESULT_BYTES // 1048576}MB)"
    return CommandError(10334, f"BSONObj size: {size} (0x{size:X}) is invalid. Size must be between 0 and {limit}")


def check_result_size(document: bytes) -> bytes:
    """Return the document if it may leave the server.

    Raises:
        CommandError: 10334 BSONObjectTooLarge.
    """
    if len(document) > MAX_RESULT_BYTES:
        raise too_large(len(document))
    return document
