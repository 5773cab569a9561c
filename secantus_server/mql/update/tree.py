"""Puts operators together in one tree, in which two that would touch the same value are an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from secantus_server.errors import CommandError
from secantus_server.mql.update._apply import Tree
from secantus_server.mql.update._nodes import ArrayNode, Leaf, Node, ObjectNode
from secantus_server.mql.update.paths import is_identifier, order_key, split_path, stable_prefix

if TYPE_CHECKING:
    from secantus_server.mql.update._nodes import Matcher


class _Branch:
    """A place in the tree while it grows: fields (and `$`), or array identifiers, never both."""

    def __init__(self, of_array: bool) -> None:
        self.of_array = of_array
        self.children: dict[str, _Branch | Leaf] = {}


class Preparation(Protocol):
    """Something that must look at each document before the tree is applied to it."""

    def prepare(self, document: bytes) -> None:
        """Reads what it needs."""
        ...


class TreeBuilder:
    """Collects the operators of one update.

    Arguments:
        filters: array filters by identifier.
    """

    def __init__(self, filters: Mapping[str, Matcher]) -> None:
        self.filters = filters
        self.used: set[str] = set()
        self.paths: list[str] = []
        self.modified: set[str] = set()
        self.preparations: list[Preparation] = []
        self._root = _Branch(of_array=False)

    def add(self, path: str, leaf: Leaf) -> None:
        """Enters an operator under its path.

        Raises:
            CommandError: the path is not legal (56, 2, 52), has an unknown identifier (2) or conflicts with another (40).
        """
        if path.isidentifier():
            # The usual path is one name, and nothing can be wrong with it.
            self._place(self._root, path, path, leaf)
            self.modified.add(path)
            return
        components = split_path(path)
        self._check_identifiers(path, components)
        branch = self._root
        for depth in range(len(components) - 1):
            branch = self._descend(branch, components, depth, path)
        self._place(branch, _key_in(branch, components, len(components) - 1, path), path, leaf)
        self.modified.add(stable_prefix(components))

    def build(self) -> Tree:
        """The finished tree."""
        root = _seal(self._root, self.filters)
        assert isinstance(root, ObjectNode)
        return Tree(root)

    def _place(self, branch: _Branch, key: str, path: str, leaf: Leaf) -> None:
        if key in branch.children:
            raise _conflict(path, path)
        branch.children[key] = leaf
        self.paths.append(path)

    def _check_identifiers(self, path: str, components: list[str]) -> None:
        for component in components:
            identifier = component[2:-1]
            if not is_identifier(component) or not identifier:
                continue
            if identifier not in self.filters:
                raise CommandError(2, f"No array filter found for identifier '{identifier}' in path '{path}'")
            self.used.add(identifier)

    def _descend(self, branch: _Branch, components: list[str], depth: int, path: str) -> _Branch:
        key = _key_in(branch, components, depth, path)
        of_array = is_identifier(components[depth + 1])
        below = branch.children.setdefault(key, _Branch(of_array))
        if isinstance(below, Leaf):
            raise _conflict(path, ".".join(components[: depth + 1]))
        return below


def _key_in(branch: _Branch, components: list[str], depth: int, path: str) -> str:
    """The key of a component in its branch, which must be of the component's kind."""
    component = components[depth]
    if branch.of_array != is_identifier(component):
        raise _conflict(path, ".".join(components[:depth]))
    return component[2:-1] if branch.of_array else component


def _conflict(path: str, place: str) -> CommandError:
    return CommandError(40, f"Updating the path '{path}' would create a conflict at '{place}'")


def _seal(branch: _Branch | Leaf, filters: Mapping[str, Matcher]) -> Node:
    if isinstance(branch, Leaf):
        return branch
    children = {name: _seal(child, filters) for name, child in branch.children.items()}
    if branch.of_array:
        return ArrayNode(dict(sorted(children.items())), filters, merge)
    positional = children.pop("$", None)
    return object_node(children, positional)


def object_node(children: dict[str, Node], positional: Node | None) -> ObjectNode:
    """An object node whose children are in the order of application."""
    if len(children) > 1:
        children = dict(sorted(children.items(), key=lambda item: order_key(item[0])))
    return ObjectNode(children, positional, merge)


def merge(first: Node, second: Node, path: str) -> Node:
    """One node that does what two do, for an array element that two paths of the update reach.

    Raises:
        CommandError: 40 if both would change the same value.
    """
    if isinstance(first, ObjectNode) and isinstance(second, ObjectNode):
        return object_node(_merge_children(first.children, second.children, path), _merge_positional(first, second, path))
    if isinstance(first, ArrayNode) and isinstance(second, ArrayNode):
        return ArrayNode(_merge_children(first.children, second.children, path), first.filters, merge)
    raise CommandError(40, f"Update created a conflict at '{path}'")


def _merge_children(first: dict[str, Node], second: dict[str, Node], path: str) -> dict[str, Node]:
    merged: dict[str, Any] = dict(first)
    for name, node in second.items():
        below = f"{path}.{name}" if path else name
        merged[name] = merge(merged[name], node, below) if name in merged else node
    return merged


def _merge_positional(first: ObjectNode, second: ObjectNode, path: str) -> Node | None:
    if first.positional is None or second.positional is None:
        return first.positional if second.positional is None else second.positional
    return merge(first.positional, second.positional, f"{path}.$" if path else "$")
