"""Collations, which define locale-aware comparisons of strings.

https://www.mongodb.com/docs/manual/reference/collation/

The order of strings is CLDR's root collation, modified by the tailorings in `locales` and `stored` and by the orders of ideographs in
`han`. The data is from CLDR 42, whose rules are the same as in MongoDB's CLDR version except in a few locales. It is loaded on first use.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from secantus_server.mql.collation.sort_keys import SortKeys
    from secantus_server.mql.collation.spec import CollationSpec

#: The version of the sort keys. It must increase with each change to them, because the entries of indexes contain sort keys.
SORT_KEYS_VERSION = 2


class Collation:
    """A collation other than the simple one. Two collations are equal if their specifications are equal.

    Arguments:
        spec: the collation's options.
    """

    def __init__(self, spec: CollationSpec) -> None:
        self.spec = spec
        self.sort_key = _sort_keys(spec).sort_key
        """Return bytes that sort in the collation's order."""

    def document(self) -> dict[str, Any]:
        """Return the complete specification in the form that is stored and that list commands return."""
        return self.spec.document()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Collation) and self.spec == other.spec

    def __hash__(self) -> int:
        return hash(self.spec)


@lru_cache(maxsize=64)
def _sort_keys(spec: CollationSpec) -> SortKeys:
    from secantus_server.mql.collation.order import root_order
    from secantus_server.mql.collation.sort_keys import SortKeys
    from secantus_server.mql.collation.tailoring import tailoring

    return SortKeys(spec, root_order(), tailoring(spec.locale))


def parse_collation(document: dict[str, Any] | None, name: str = "collation") -> Collation | None:
    """Parse the collation option of a command or collection. Return None for the simple collation.

    Arguments:
        document: the option as the user wrote it; None and an empty document both mean the simple collation.
        name: the name of the option, for error messages.

    Raises:
        CommandError: if the collation is invalid or not supported (see `parse_spec`).
    """
    if not document:
        return None
    from secantus_server.mql.collation.spec import parse_spec

    spec = parse_spec(document, name)
    return None if spec is None else Collation(spec)
