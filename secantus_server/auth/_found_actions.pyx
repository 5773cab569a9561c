# cython: language_level=3
"""A cache of the actions that a user may perform on each resource, and the check of required actions against it."""

# The maximum number of resources in a cache. A full cache is cleared.
cdef Py_ssize_t MAX_REMEMBERED = 1000


cdef class FoundActions:
    """A cache of the actions that a user may perform on databases and collections.

    A subclass sets `cluster_actions` and overrides `look_up`.

    Attributes:
        cluster_actions: the actions that the user may perform on the cluster.
    """

    cdef readonly dict _found
    cdef public object cluster_actions

    def __init__(self):
        self._found = {}
        self.cluster_actions = frozenset()

    def look_up(self, str db not None, str collection not None):
        """Compute the actions that the user may perform on a resource that is not in the cache; see `on` for the arguments."""
        raise NotImplementedError

    def on_cluster(self):
        """Return the actions that the user may perform on the cluster."""
        return self.cluster_actions

    def on(self, str db not None, str collection not None=""):
        """Return the actions that the user may perform on a collection, on a database, or on all databases.

        Arguments:
            db: the database; "" for all databases.
            collection: the collection; "" for the database as a whole.
        """
        return self._on((db, collection))

    cdef object _on(self, tuple key):
        found = self._found.get(key)
        if found is None:
            found = self.look_up(key[0], key[1])
            if len(self._found) >= MAX_REMEMBERED:
                self._found.clear()
            self._found[key] = found
        return found

    def allows(self, list requirements not None):
        """Return whether the user may perform all required actions.

        Arguments:
            requirements: a list of `auth.privileges.Requirement`.
        """
        cdef tuple requirement
        for requirement in requirements:
            db = requirement[1]
            found = self.cluster_actions if db is None else self._on((db, requirement[2]))
            for action in <tuple> requirement[0]:
                if action not in found:
                    return False
        return True
