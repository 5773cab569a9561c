# cython: language_level=3
"""Builds the tree of an update's operators. Two operators on the same value are a conflict.

It is compiled because every update of a single document runs it. In Python, it took a tenth of the update's time.
"""

from secantus_server.mql.update._nodes cimport ArrayNode, Leaf, Node, ObjectNode

from secantus_server.errors import CommandError
from secantus_server.mql.update._apply import Tree
from secantus_server.mql.update.paths import is_identifier, order_key, split_path, stable_prefix


cdef class Branch:
    """A node of a tree that is being built. Its keys are either field names (and `$`) or array identifiers, never both."""

    cdef bint of_array
    cdef dict children

    def __cinit__(self, bint of_array):
        self.of_array = of_array
        self.children = {}


cdef class TreeBuilder:
    """Builds the tree of one update's operators.

    Arguments:
        filters: the array filters by identifier.
    """

    cdef readonly dict filters
    cdef readonly set used
    cdef readonly list paths
    cdef readonly set modified
    cdef readonly list preparations
    cdef Branch root

    def __cinit__(self, dict filters not None):
        self.filters = filters
        self.used = set()
        self.paths = []
        self.modified = set()
        self.preparations = []
        self.root = Branch.__new__(Branch, False)

    def add(self, str path not None, Leaf leaf not None):
        """Add an operator at its path.

        Raises:
            CommandError: if the path is invalid (56, 2, 52), has an unknown identifier (2) or conflicts with another path (40).
        """
        cdef list components
        cdef Branch branch = self.root
        cdef Py_ssize_t depth
        if path.isidentifier():
            # The fast path for most paths, which are a plain name and need no checks.
            self.place(branch, path, path, leaf)
            self.modified.add(path)
            return
        components = split_path(path)
        self.check_identifiers(path, components)
        for depth in range(len(components) - 1):
            branch = self.descend(branch, components, depth, path)
        self.place(branch, key_in(branch, components, len(components) - 1, path), path, leaf)
        self.modified.add(stable_prefix(components))

    def build(self):
        """Return the finished tree."""
        return Tree(seal(self.root, self.filters))

    cdef int place(self, Branch branch, str key, str path, Leaf leaf) except -1:
        if key in branch.children:
            raise conflict(path, path)
        branch.children[key] = leaf
        self.paths.append(path)
        return 0

    cdef int check_identifiers(self, str path, list components) except -1:
        for component in components:
            identifier = component[2:-1]
            if not is_identifier(component) or not identifier:
                continue
            if identifier not in self.filters:
                raise CommandError(2, f"No array filter found for identifier '{identifier}' in path '{path}'")
            self.used.add(identifier)
        return 0

    cdef Branch descend(self, Branch branch, list components, Py_ssize_t depth, str path):
        cdef str key = key_in(branch, components, depth, path)
        below = branch.children.get(key)
        if below is None:
            below = branch.children[key] = Branch.__new__(Branch, is_identifier(components[depth + 1]))
        if isinstance(below, Leaf):
            raise conflict(path, ".".join(components[: depth + 1]))
        return below


cdef str key_in(Branch branch, list components, Py_ssize_t depth, str path):
    """Return the key that a component of a path has in its branch. Raise a conflict error if the branch contains keys of the other kind."""
    cdef str component = components[depth]
    if branch.of_array != is_identifier(component):
        raise conflict(path, ".".join(components[:depth]))
    return component[2:-1] if branch.of_array else component


cdef conflict(str path, str place):
    return CommandError(40, f"Updating the path '{path}' would create a conflict at '{place}'")


cdef Node seal(Branch branch, dict filters):
    """Convert a finished branch into its node. The dict of the branch's children becomes that of the node's children."""
    cdef dict children = branch.children
    for name, child in children.items():
        if not isinstance(child, Leaf):
            # Replacing the value of an existing key is safe while iterating over the dict.
            children[name] = seal(child, filters)
    if branch.of_array:
        return ArrayNode(dict(sorted(children.items())), filters, merge)
    return object_node(children, children.pop("$", None))


cdef ObjectNode object_node(dict children, Node positional):
    """Return an object node with the children in the order in which they are applied."""
    if len(children) > 1:
        children = {name: children[name] for name in in_order(children)}
    return ObjectNode(children, positional, merge)


cdef list in_order(dict children):
    """Return the names of children in the order in which they are applied."""
    for name in children:
        if name.isdigit():
            return sorted(children, key=order_key)
    return sorted(children)


def merge(Node first, Node second, str path not None):
    """Combine two nodes into one, for an array element that two paths of the update reach.

    Raises:
        CommandError: 40 if both nodes change the same value.
    """
    if isinstance(first, ObjectNode) and isinstance(second, ObjectNode):
        return object_node(
            merge_children((<ObjectNode>first).children, (<ObjectNode>second).children, path), merge_positional(first, second, path)
        )
    if isinstance(first, ArrayNode) and isinstance(second, ArrayNode):
        return ArrayNode(
            merge_children((<ArrayNode>first).children, (<ArrayNode>second).children, path), (<ArrayNode>first).filters, merge
        )
    raise CommandError(40, f"Update created a conflict at '{path}'")


cdef dict merge_children(dict first, dict second, str path):
    cdef dict merged = dict(first)
    for name, node in second.items():
        below = f"{path}.{name}" if path else name
        merged[name] = merge(merged[name], node, below) if name in merged else node
    return merged


cdef Node merge_positional(ObjectNode first, ObjectNode second, str path):
    if first.positional is None or second.positional is None:
        return first.positional if second.positional is None else second.positional
    return merge(first.positional, second.positional, f"{path}.$" if path else "$")
