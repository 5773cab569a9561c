# cython: language_level=3
"""The nodes of an update's tree, for other compiled modules."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element

# The outcome of applying a node to an element.
cdef enum:
    KEPT = 0
    WRITTEN = 1
    REMOVED = 2


cdef class State:
    cdef readonly bytes document
    cdef readonly bint inserting
    cdef readonly object array_index
    cdef bytes name
    cdef list path

    cdef str dotted(self, const char* name, size_t name_len)


cdef class Node:
    cdef bint demands(self, bint inserting)


cdef class Leaf(Node):
    cdef readonly object modify
    cdef readonly bint creates, lenient, insert_only
    cdef public bint idle
    # Whether the operator appends to an array, so that the oplog records only the new elements.
    cdef public bint appends

    cdef bint sleeps(self, bint inserting) noexcept
    cdef int change(self, const Element* old, const char* name, size_t name_len, Writer out, State state) except -1


cdef class SetLeaf(Leaf):
    cdef uint8_t type
    cdef bytes encoded


cdef class IncLeaf(Leaf):
    cdef object make_modify
    cdef object amount
    cdef int64_t whole
    cdef double real
    cdef uint8_t type


cdef class ObjectNode(Node):
    cdef readonly dict children
    cdef readonly Node positional
    cdef object merge
    cdef list names, nodes
    # The copies of this node by array index. In each copy, the index replaces the positional `$`. None until the first copy is needed.
    cdef dict resolved
    cdef Py_ssize_t count
    cdef const char** starts
    cdef uint32_t* lengths
    cdef uint8_t* seen

    cdef int allocate(self) except -1
    cdef Py_ssize_t find(self, const char* name, uint32_t name_len) noexcept
    cdef ObjectNode resolve(self, State state)
    cdef bytes demanding_name(self, bint inserting)


cdef class ArrayNode(Node):
    cdef readonly dict children
    cdef readonly dict filters
    cdef object merge
    cdef dict merged
    cdef Writer wrapped

    cdef Node choose(self, const Element* element, str path)
    cdef bint accepts(self, str identifier, const Element* element) except -1
