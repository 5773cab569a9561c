"""The classes of parsed projections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secantus_server.mql.projection._apply import Branch, Drop, Evaluated, Keep, Kernel, narrow_array

if TYPE_CHECKING:
    from secantus_server.mql.expressions import Expression
    from secantus_server.mql.projection._apply import ArrayMatch


class Projection:
    """A parsed projection, which converts a document to another document.

    The attribute `is_inclusion` is true if fields that are not listed are excluded. The attribute `only_selects` is true if the projection
    computes nothing, so that it cannot fail.

    Arguments:
        root: the tree of fields.
        required_fields: the dotted paths that the projection reads, or None for the whole document.
    """

    def __init__(self, root: Branch, required_fields: frozenset[str] | None) -> None:
        self.is_inclusion = not root.keeps_others
        self.only_selects = not root.has_computed
        self.required_fields = required_fields
        self._kernel = Kernel(root)
        self.apply = self._kernel.apply

    def computed_fields(self) -> dict[str, Expression] | None:
        """Return the expressions of the computed fields of an inclusion.

        Return None if the projection is an exclusion, or if it contains other fields than computed and whole ones at the top level.
        """
        nodes = self._kernel.root.children.items()
        if not self.is_inclusion or not all(type(node) in (Keep, Drop, Evaluated) for _, node in nodes):
            return None
        return {name: node.expression for name, node in nodes if isinstance(node, Evaluated)}


class PositionalProjection(Projection):
    """A projection with `array.$`, which reduces an array to the element that the filter matched.

    Arguments:
        root: the tree of fields.
        path: the array's path, without the `$`.
        match: the filter.
    """

    def __init__(self, root: Branch, path: str, match: ArrayMatch) -> None:
        super().__init__(root, None)
        self._names = tuple(name.encode("utf-8", "surrogateescape") for name in path.split("."))
        self._match = match
        self.apply = self._apply
        self.only_selects = False

    def _apply(self, doc: bytes) -> bytes:
        return narrow_array(self._kernel.apply(doc), self._names, self._match.array_index(doc))
