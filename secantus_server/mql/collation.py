"""Collations: what replaces the comparison of strings.

https://www.mongodb.com/docs/manual/reference/collation/
"""

from __future__ import annotations

from typing import Any

from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.context import Collation


def parse_collation(spec: dict[str, Any] | None) -> Collation | None:
    """The collation of a command's or collection's option; None is the simple one.

    Raises:
        CommandError: it is not a collation, or one that is not supported.
    """
    if not spec:
        return None
    if "locale" not in spec:
        raise CommandError(40414, "BSON field 'collation.locale' is missing but a required field")
    if type(spec["locale"]) is not str:
        raise CommandError(14, "BSON field 'collation.locale' is the wrong type, expected type 'string'")
    if spec["locale"] == "simple":
        return None
    raise not_supported(f"the collation {spec['locale']!r}", "leave the collation out, or use {locale: 'simple'}")
