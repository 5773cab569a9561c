# cython: language_level=3, boundscheck=False, wraparound=False
"""`$lookup`'s loop, which attaches the joined documents to each outer document."""

from cpython.bytes cimport PyBytes_GET_SIZE
from libc.stdint cimport uint8_t

from secantus_server.bson._codec cimport RawArray
from secantus_server.exec._point cimport PointFinder
from secantus_server.pipeline._fields cimport FieldSetter
from secantus_server.pipeline._paths cimport JoinPath


cdef class PointJoin:
    """A join of outer documents through a unique index.

    Arguments:
        path: the local field.
        finder: finds the only document for a value that can have only one key (see `plain_key`).
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
        """Return the outer document with the joined documents."""
        cdef const uint8_t* found = NULL
        cdef size_t size = 0
        if not self.path.plain_key(document, self.finder.index.prefix):
            return setter.set(document, RawArray(self.otherwise(document)))
        if not self.finder.find(self.path.out, &found, &size):
            found = NULL
        return setter.set_found(document, found, size)


cdef class Joined:
    """An iterator over the outer documents with the joined documents in a field.

    Arguments:
        source: the outer documents.
        field: the field for the joined documents.
        find: a function that returns the list for an outer document, or a PointJoin.
        bind: called with each outer document before `find`, or None.
        max_bytes: the byte limit of the joined documents of one outer document.
        error: builds the error for exceeding this limit.
        end: called after the last outer document, or None.
    """

    cdef object source
    cdef FieldSetter setter
    cdef PointJoin point
    cdef object find
    cdef object bind
    cdef Py_ssize_t max_bytes
    cdef object error
    cdef object end

    def __init__(self, source, str field not None, find, bind, Py_ssize_t max_bytes, error, end):
        self.source = iter(source)
        self.setter = FieldSetter(field)
        self.point = find if isinstance(find, PointJoin) else None
        self.find = find
        self.bind = bind
        self.max_bytes = max_bytes
        self.error = error
        self.end = end

    def __iter__(self):
        return self

    def __next__(self):
        cdef bytes joined
        cdef bytes document = next(self.source, None)
        if document is None:
            end, self.end = self.end, None
            if end is not None:
                end()
            raise StopIteration
        if self.bind is not None:
            self.bind(document)
        if self.point is not None:
            joined = self.point.join(document, self.setter)
        else:
            joined = self.setter.set(document, RawArray(self.find(document)))
        if PyBytes_GET_SIZE(joined) - PyBytes_GET_SIZE(document) > self.max_bytes:
            raise self.error()
        return joined
