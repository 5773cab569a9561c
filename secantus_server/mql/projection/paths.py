"""The dotted paths of a projection, and a tree of them."""

from __future__ import annotations

from secantus_server.errors import CommandError
from secantus_server.mql.expressions.paths import DBREF_NAMES
from secantus_server.mql.projection._apply import Branch, Computed, Node

_MAX_DEPTH = 200


def check_path(path: str) -> None:
    """Check that a dotted path is valid in a projection.

    Raises:
        CommandError: 40352, 40353, 15998, 16410, 9527900 or 15.
    """
    if not path:
        raise CommandError(40352, "FieldPath cannot be constructed with empty string")
    if path.endswith("."):
        raise CommandError(40353, "FieldPath must not end with a '.'.")
    if "\0" in path:
        raise CommandError(9527900, "FieldPath field names may not contain '\\0'.")
    names = path.split(".")
    if len(names) > _MAX_DEPTH:
        raise CommandError(15, f"FieldPath is too long. Max depth: {_MAX_DEPTH}")
    for name in names:
        _check_name(name)


def _check_name(name: str) -> None:
    if not name:
        raise CommandError(15998, "FieldPath field names may not be empty strings.")
    if name.startswith("$") and name not in DBREF_NAMES:
        raise CommandError(16410, f"FieldPath field names may not start with '$'. Consider using $getField or $setField. Found '{name}'.")


class PathTree:
    """A mutable tree of a projection's fields, which is converted to a `Branch` when it is complete."""

    def __init__(self) -> None:
        self.children: dict[str, PathTree | Node] = {}

    def leaves(self, prefix: str = "") -> list[tuple[str, Node]]:
        """Return all leaves as (path, node) pairs."""
        found: list[tuple[str, Node]] = []
        for name, child in self.children.items():
            if isinstance(child, PathTree):
                found += child.leaves(f"{prefix}{name}.")
            else:
                found.append((prefix + name, child))
        return found

    def add(self, path: str, node: Node) -> None:
        """Add a node at a path.

        Raises:
            CommandError: 31249 or 31250 if the tree already contains the path, a prefix of it or a path below it.
        """
        tree = self
        names = path.split(".")
        for depth, name in enumerate(names[:-1]):
            below = tree.children.setdefault(name, PathTree())
            if not isinstance(below, PathTree):
                raise CommandError(31249, f"Path collision at {path} remaining portion {'.'.join(names[depth + 1 :])}")
            tree = below
        if names[-1] in tree.children:
            raise CommandError(31250, f"Path collision at {path}")
        tree.children[names[-1]] = node

    def build(self, keeps_others: bool) -> Branch:
        """Convert the tree to a `Branch`.

        Arguments:
            keeps_others: whether the projection includes the fields that are not in the tree.
        """
        children = {name: child.build(keeps_others) if isinstance(child, PathTree) else child for name, child in self.children.items()}
        return Branch(children, [name for name, child in children.items() if _computes(child)], keeps_others)


def _computes(node: Node) -> bool:
    return isinstance(node, Computed) or (isinstance(node, Branch) and node.has_computed)
