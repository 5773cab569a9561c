"""The keywords `title` and `description`, which do not constrain a value. This module also rejects the keywords of client-side
encryption.
"""

from __future__ import annotations

from secantus_server.errors import not_supported
from secantus_server.mql.match._schema import Rule
from secantus_server.mql.match.json_schema.parser import Keyword, expect, register


@register("title", "description")
def parse_note(keyword: Keyword) -> Rule | None:
    """Check that an annotation (`title` or `description`) is a string."""
    expect(keyword.name, keyword.argument, str, "of type string")
    return None


@register("encrypt", "encryptMetadata")
def parse_encrypt(keyword: Keyword) -> Rule | None:
    """Reject a keyword of client-side field level encryption."""
    raise not_supported(f"The $jsonSchema keyword '{keyword.name}'", "remove it from the schema; the driver does the encryption")
