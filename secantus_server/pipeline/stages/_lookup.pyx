# cython: language_level=3, boundscheck=False, wraparound=False
"""`$lookup`'s loop: the outer documents, each with what was found for it."""

from cpython.bytes cimport PyBytes_GET_SIZE
from libc.stdint cimport uint8_t

from secantus_server.bson._codec cimport RawArray
from secantus_server.exec._point cimport PointFinder
from secantus_server.pipeline._fields cimport FieldSetter
from secantus_server.pipeline._paths cimport JoinPath


cdef class PointJoin:
    """Finds an outer document's partner by the key of a unique index.

    Arguments:
        path: the local field.
        finder: asked for a value that equals nothing but itself; only one document can have it.
        otherwise: finds the documents for any other value.
    """

    cdef JoinPath path
    cdef PointFinder finder
    cdef object otherwise

    def __init__(self, JoinPath path not None, PointFinder finder not None, otherwise):
        self.path = path
        self.finder = finder
        self.otherwise = otherwise

    cdef bytes join(self, bytes document, FieldSetter setter):
        """The outer document with what was found for it."""
        cdef const uint8_t* found = NULL
        cdef size_t size = 0
        if not self.path.plain_key(document, self.finder.index.prefix):
            return setter.set(document, RawArray(self.otherwise(document)))
        if not self.finder.find(self.path.out, &found, &size):
            found = NULL
        return setter.set_found(document, found, size)


cdef class Joined:
    """An iterator over the outer documents with what was found in a field.

    Arguments:
        source: the outer documents.
        field: where the found documents go.
        find: a function from an outer document to a list, or a PointJoin.
        bind: called with each outer document before that, or None.
        max_bytes: the most bytes to be found for one document.
        error: makes the error for more.
    """

    cdef object source
    cdef FieldSetter setter
    cdef PointJoin point
    cdef object find
    cdef object bind
    cdef Py_ssize_t max_bytes
    cdef object error

    def __init__(self, source, str field not None, find, bind, Py_ssize_t max_bytes, error):
        self.source = iter(source)
        self.setter = FieldSetter(field)
        self.point = find if isinstance(find, PointJoin) else None
        self.find = find
        self.bind = bind
        self.max_bytes = max_bytes
        self.error = error

    def __iter__(self):
        return self

    def __next__(self):
        cdef bytes joined
        cdef bytes document = next(self.source)
        if self.bind is not None:
            self.bind(document)
        if self.point is not None:
            joined = self.point.join(document, self.setter)
        else:
            joined = self.setter.set(document, RawArray(self.find(document)))
        if PyBytes_GET_SIZE(joined) - PyBytes_GET_SIZE(document) > self.max_bytes:
            raise self.error()
        return joined
