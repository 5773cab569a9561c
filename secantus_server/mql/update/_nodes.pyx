# cython: language_level=3, boundscheck=False, wraparound=False
"""The nodes of an update's tree: the operators on values, and the paths to them.

An `ObjectNode` has one child per field name (or array index), in the order in which MongoDB applies them. An `ArrayNode` represents `$[]`
and `$[identifier]`. A `Leaf` is an operator at the end of its path, which computes the new value from the old one.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcmp

from secantus_server.bson._codec cimport Writer, decode_stored_element
from secantus_server.bson._raw cimport Element, read_double, read_int32
from secantus_server.bson._types cimport BSON_DOUBLE, BSON_INT, BSON_LONG, BSON_MISSING

from bson.int64 import Int64

from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError

cdef object NO_VALUE = MISSING
cdef object LONG = Int64


class Unchanged:
    """The type of `UNCHANGED`, which an operator returns if the value does not change."""

    def __repr__(self):
        return "UNCHANGED"


UNCHANGED = Unchanged()
cdef object SAME = UNCHANGED


cdef class State:
    """The state of an update while it is applied to one document.

    `inserting` is true while an upsert creates a document. `array_index` is the value of the positional `$`. `field` is the name or index
    of the field that the current operator changes.
    """

    def __init__(self):
        self.path = []

    @property
    def field(self):
        return self.name.decode("utf-8", "surrogateescape")

    cdef str dotted(self, const char* name, size_t name_len):
        parts = self.path + [PyBytes_FromStringAndSize(name, name_len)]
        return b".".join(parts).decode("utf-8", "surrogateescape")


cdef class Node:
    """A node of the update tree."""

    cdef bint demands(self, bint inserting):
        """Return whether any operator below this node requires its path to exist, or creates it."""
        return True


cdef class Leaf(Node):
    """An operator at the end of its path.

    Arguments:
        modify: called with the old value (or MISSING) and the `State`. It returns the new value, MISSING to remove the field, or UNCHANGED.
        creates: whether the operator has an effect if the field is missing.
        lenient: whether a scalar in the middle of the path is not an error.
        insert_only: whether the operator runs only while an upsert inserts a document.

    While the attribute `idle` is true, the leaf has no effect. The attribute `appends` tells that the operator may append elements to an
    array and leave the other elements unchanged.
    """

    def __init__(self, modify, bint creates=True, bint lenient=False, bint insert_only=False):
        self.modify = modify
        self.creates = creates
        self.lenient = lenient
        self.insert_only = insert_only

    cdef bint sleeps(self, bint inserting) noexcept:
        return self.idle or (self.insert_only and not inserting)

    cdef bint demands(self, bint inserting):
        return not self.lenient and not self.sleeps(inserting)

    cdef int change(self, const Element* old, const char* name, size_t name_len, Writer out, State state) except -1:
        """Write the new element, if there is one. `old` is NULL for a missing field."""
        cdef object value = NO_VALUE if old == NULL else decode_stored_element(old)
        state.name = PyBytes_FromStringAndSize(name, name_len)
        value = self.modify(value, state)
        if value is SAME:
            return KEPT
        if value is NO_VALUE:
            return KEPT if old == NULL else REMOVED
        out.put_value(name, name_len, value, 1)
        return WRITTEN


cdef class SetLeaf(Leaf):
    """The leaf of `$set` and `$setOnInsert`. The value is encoded only once, not once per document."""

    def __init__(self, value, bint insert_only=False):
        cdef Writer out = Writer.__new__(Writer)
        self.creates = True
        self.insert_only = insert_only
        out.put_value(b"", 0, value, 1)
        # The encoded element consists of its type, an empty name and the value.
        self.type = out.buffer[0]
        self.encoded = PyBytes_FromStringAndSize(<const char*>out.buffer + 2, out.size - 2)

    cdef int change(self, const Element* old, const char* name, size_t name_len, Writer out, State state) except -1:
        cdef const char* data = PyBytes_AS_STRING(self.encoded)
        cdef Py_ssize_t length = PyBytes_GET_SIZE(self.encoded)
        if old != NULL and old.type == self.type and old.value_len == length and memcmp(old.value, data, length) == 0:
            return KEPT
        out.put_name(self.type, name, name_len)
        out.put_bytes(data, length)
        return WRITTEN


cdef class IncLeaf(Leaf):
    """The leaf of `$inc`. Sums of two ints or two doubles are computed here, all other sums by `modify`.

    Arguments:
        make_modify: creates `modify` for the amount; called when a document first needs it.
        amount: the number to add.
    """

    def __init__(self, make_modify, amount):
        self.creates = True
        self.make_modify = make_modify
        self.amount = amount
        self.type = BSON_MISSING
        if type(amount) is int or type(amount) is LONG:
            self.type = BSON_INT if type(amount) is int else BSON_LONG
            self.whole = amount
        elif type(amount) is float:
            self.type = BSON_DOUBLE
            self.real = amount

    cdef int change(self, const Element* old, const char* name, size_t name_len, Writer out, State state) except -1:
        cdef int64_t total
        cdef double sum
        if old != NULL and old.type == BSON_INT and self.type == BSON_INT:
            total = read_int32(old.value) + self.whole
            if total == <int32_t>total and self.whole != 0:
                out.put_name(BSON_INT, name, name_len)
                out.put_int32(<int32_t>total)
                return WRITTEN
        elif old != NULL and old.type == BSON_DOUBLE and self.type == BSON_DOUBLE:
            sum = read_double(old.value) + self.real
            if sum != read_double(old.value):
                out.put_name(BSON_DOUBLE, name, name_len)
                out.put_bytes(&sum, 8)
                return WRITTEN
        if self.modify is None:
            self.modify = self.make_modify(self.amount)
        return Leaf.change(self, old, name, name_len, out, state)


cdef class ObjectNode(Node):
    """The fields of a document, or the indexes of an array, each with a child node.

    Arguments:
        children: the nodes by name, in the order in which they are applied.
        positional: the child under `$`, or None.
        merge: a function of two nodes and a path. It combines the nodes if `$` stands for an index that another path names.
    """

    def __cinit__(self, dict children, Node positional, merge):
        cdef bytes encoded
        cdef str name
        cdef Py_ssize_t i = 0
        self.children = children
        self.positional = positional
        self.merge = merge
        self.names = []
        self.nodes = []
        self.count = len(children)
        self.allocate()
        for name, node in children.items():
            encoded = name.encode("utf-8", "surrogateescape")
            self.names.append(encoded)
            self.nodes.append(node)
            self.starts[i] = PyBytes_AS_STRING(encoded)
            self.lengths[i] = <uint32_t>PyBytes_GET_SIZE(encoded)
            i += 1

    cdef int allocate(self) except -1:
        """Allocate the three C arrays of the node as one block. To align all of them, put the one with the strictest alignment first."""
        cdef uint8_t* block = <uint8_t*>PyMem_Malloc((self.count + 1) * (sizeof(char*) + sizeof(uint32_t) + 1))
        if block == NULL:
            raise MemoryError
        self.starts = <const char**>block
        self.lengths = <uint32_t*>(block + self.count * sizeof(char*))
        self.seen = block + self.count * (sizeof(char*) + sizeof(uint32_t))
        return 0

    def __dealloc__(self):
        PyMem_Free(self.starts)

    cdef Py_ssize_t find(self, const char* name, uint32_t name_len) noexcept:
        cdef Py_ssize_t i
        for i in range(self.count):
            if self.lengths[i] == name_len and memcmp(self.starts[i], name, name_len) == 0:
                return i
        return -1

    cdef ObjectNode resolve(self, State state):
        """Return a copy of this node in which the index of the matched element replaces the positional `$`."""
        if self.positional is None:
            return self
        if state.array_index is None:
            raise CommandError(2, "The positional operator did not find the match needed from the query.")
        if self.resolved is None:
            self.resolved = {}
        found = self.resolved.get(state.array_index)
        if found is None:
            named = ObjectNode(self.children, None, self.merge)
            matched = ObjectNode({state.array_index: self.positional}, None, self.merge)
            found = self.merge(named, matched, b".".join(state.path).decode("utf-8", "surrogateescape"))
            self.resolved[state.array_index] = found
        return found

    cdef bint demands(self, bint inserting):
        if self.positional is not None and self.positional.demands(inserting):
            return True
        for node in self.nodes:
            if (<Node>node).demands(inserting):
                return True
        return False

    cdef bytes demanding_name(self, bint inserting):
        cdef Py_ssize_t i
        for i in range(self.count):
            if (<Node>self.nodes[i]).demands(inserting):
                return self.names[i]
        return b"$"


cdef class ArrayNode(Node):
    """A node for all elements of an array, or for those that match an array filter.

    Arguments:
        children: the nodes by identifier. The identifier of `$[]` is the empty string.
        filters: the array filters by identifier. A filter tests a document whose only field is the identifier.
        merge: a function of two nodes and a path. It combines the nodes for an element that the filters of several identifiers match.
    """

    def __init__(self, dict children, dict filters, merge):
        self.children = children
        self.filters = filters
        self.merge = merge
        self.merged = {}
        self.wrapped = Writer()

    cdef Node choose(self, const Element* element, str path):
        """Return the node to apply to one element, or None if the element does not change."""
        cdef list chosen = []
        for identifier in self.children:
            if not identifier or self.accepts(identifier, element):
                chosen.append(identifier)
        if not chosen:
            return None
        if len(chosen) == 1:
            return self.children[chosen[0]]
        key = tuple(chosen)
        if key not in self.merged:
            node = self.children[chosen[0]]
            for identifier in chosen[1:]:
                node = self.merge(node, self.children[identifier], path)
            self.merged[key] = node
        return self.merged[key]

    cdef bint accepts(self, str identifier, const Element* element) except -1:
        cdef bytes name = identifier.encode("utf-8", "surrogateescape")
        cdef size_t mark
        self.wrapped.clear()
        mark = self.wrapped.open()
        self.wrapped.put_name(element.type, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
        self.wrapped.put_bytes(element.value, element.value_len)
        self.wrapped.close(mark)
        return self.filters[identifier].matches(self.wrapped.finish())
