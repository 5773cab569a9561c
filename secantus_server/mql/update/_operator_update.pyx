# cython: language_level=3
"""A parsed update with operators: its tree, and the checks on the resulting documents."""

from secantus_server.bson import validate, values_equal
from secantus_server.bson.values import MISSING
from secantus_server.mql.update._apply import lookup
from secantus_server.mql.update._diff import update_entry
from secantus_server.mql.update.paths import altered_id, dollar_prefixed


cdef class OperatorUpdate:
    """A parsed update with operators, such as `{$set: ..., $inc: ...}`; see `updates.Update`.

    Arguments:
        tree: the tree of operators.
        paths: all paths in the update.
        modified: the paths that may change, truncated at array indexes and positional operators.
        preparations: the steps that must read each document before the tree is applied to it.
        deep: whether the result may exceed the maximum nesting depth and must be validated.
    """

    cdef readonly frozenset modified_paths
    cdef readonly bint needs_array_index
    cdef object tree
    cdef list preparations
    cdef str id_path
    cdef str dollar_name
    cdef bint deep

    def __init__(self, tree not None, list paths not None, set modified not None, list preparations not None, *, bint deep):
        cdef str path
        self.tree = tree
        self.modified_paths = frozenset(modified)
        self.preparations = preparations
        self.deep = deep
        for path in paths:
            if "$" in path:
                self.note_dollar(path.split("."))
            if self.id_path is None and (path == "_id" or path.startswith("_id.")):
                self.id_path = path

    @property
    def is_replacement(self):
        """Return False, because an update with operators does not replace documents."""
        return False

    cdef int note_dollar(self, list components) except -1:
        if "$" in components:
            self.needs_array_index = True
        if self.dollar_name is None and components[0].startswith("$"):
            self.dollar_name = components[0]
        return 0

    def apply(self, bytes doc not None, *, array_index=None, bint inserting=False):
        """Return the document after the update; see `updates.Update`."""
        cdef bytes result
        for preparation in self.preparations:
            preparation.prepare(doc)
        result = self.tree.apply(doc, array_index, inserting)
        if result is not doc:
            if self.id_path is not None:
                self.check_id(doc, result)
            if self.dollar_name is not None and not inserting:
                raise dollar_prefixed(self.dollar_name, self.dollar_name)
            if self.deep:
                validate(result)
        return result

    def entry(self, bytes old not None, bytes new not None):
        """Return the field `o` of the update's oplog entry; see `updates.Update`."""
        return update_entry(self.tree.root, self.tree.state, old, new)

    cdef int check_id(self, bytes doc, bytes result) except -1:
        before, _ = lookup(doc, (b"_id",))
        after, _ = lookup(result, (b"_id",))
        if before is not MISSING and (after is MISSING or not values_equal(before, after)):
            raise altered_id(self.id_path)
        return 0
