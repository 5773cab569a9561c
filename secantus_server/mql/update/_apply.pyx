# cython: language_level=3, boundscheck=False, wraparound=False
"""Applies a tree of update operators to one document, byte for byte: what no operator touches is copied as it stands.

A tree is made of three kinds of nodes. An `ObjectNode` has a child per field name (or array index), in the order in which
MongoDB applies them; an `ArrayNode` stands for `$[]` and `$[identifier]`; a `Leaf` is an operator at the end of its path.
A leaf sees only the old value and gives the new one.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcmp, memset

from secantus_server.bson._codec cimport Writer, decode_element, write_decimal
from secantus_server.bson._raw cimport (
    Element,
    document_length,
    find_field,
    first_element,
    next_element,
    read_double,
    read_int32,
    read_int64,
)

from bson.int64 import Int64

from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.describe import describe_element

cdef object NO_VALUE = MISSING
cdef object LONG = Int64

MAX_BACKFILL = 1500000
MAX_DOCUMENT_SIZE = 16 * 1024 * 1024
cdef int64_t BACKFILL_LIMIT = MAX_BACKFILL
cdef size_t SIZE_LIMIT = MAX_DOCUMENT_SIZE

# What became of an element.
cdef enum:
    KEPT = 0
    WRITTEN = 1
    REMOVED = 2


class Unchanged:
    """The type of `UNCHANGED`, which an operator returns instead of a new value that equals the old one."""

    def __repr__(self):
        return "UNCHANGED"


UNCHANGED = Unchanged()
cdef object SAME = UNCHANGED


cdef class State:
    """What an operator may ask about the document it is applied to.

    `inserting` is true while an upsert makes a new document; `array_index` is what the positional `$` stands for;
    `field` is the name of the field or the index that the operator is applied to.
    """

    cdef readonly bytes document
    cdef readonly bint inserting
    cdef readonly object array_index
    cdef bytes name
    cdef list path

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
        """Whether something below needs its path to exist or to be created."""
        return True


cdef class Leaf(Node):
    """An operator at the end of its path.

    Arguments:
        modify: called with the old value (or MISSING) and the `State`; gives the new value, MISSING to remove the field, or UNCHANGED.
        creates: false if it does nothing where there is no value.
        lenient: true if a scalar in the middle of the path is no error.
        insert_only: true if it runs only while an upsert inserts.

    `idle` switches a leaf off for the next documents.
    """

    cdef readonly object modify
    cdef readonly bint creates, lenient, insert_only
    cdef public bint idle

    def __init__(self, modify, bint creates=True, bint lenient=False, bint insert_only=False):
        self.modify = modify
        self.creates = creates
        self.lenient = lenient
        self.insert_only = insert_only

    cdef inline bint sleeps(self, bint inserting) noexcept:
        return self.idle or (self.insert_only and not inserting)

    cdef bint demands(self, bint inserting):
        return not self.lenient and not self.sleeps(inserting)

    cdef int change(self, const Element* old, const char* name, size_t name_len, Writer out, State state) except -1:
        """Write the new element, if there is one; `old` is NULL for a field that does not exist."""
        cdef object value = NO_VALUE if old == NULL else decode_element(old)
        state.name = PyBytes_FromStringAndSize(name, name_len)
        value = self.modify(value, state)
        if value is SAME:
            return KEPT
        if value is NO_VALUE:
            return KEPT if old == NULL else REMOVED
        out.put_value(name, name_len, value, 1)
        return WRITTEN


cdef class SetLeaf(Leaf):
    """`$set` and `$setOnInsert`: the value is encoded once."""

    cdef uint8_t type
    cdef bytes encoded

    def __init__(self, value, bint insert_only=False):
        super().__init__(None, insert_only=insert_only)
        cdef Writer out = Writer()
        out.put_value(b"", 0, value, 1)
        self.type = out.buffer[0]
        self.encoded = out.finish()[2:]

    cdef int change(self, const Element* old, const char* name, size_t name_len, Writer out, State state) except -1:
        cdef const char* data = PyBytes_AS_STRING(self.encoded)
        cdef Py_ssize_t length = PyBytes_GET_SIZE(self.encoded)
        if old != NULL and old.type == self.type and old.value_len == length and memcmp(old.value, data, length) == 0:
            return KEPT
        out.put_name(self.type, name, name_len)
        out.put_bytes(data, length)
        return WRITTEN


cdef class IncLeaf(Leaf):
    """`$inc`: sums of ints, longs and doubles that do not overflow are made here, the rest by `modify`."""

    cdef int64_t whole
    cdef double real
    cdef uint8_t type

    def __init__(self, modify, amount):
        super().__init__(modify)
        self.type = 0
        if type(amount) is int or type(amount) is LONG:
            self.type = 16 if type(amount) is int else 18
            self.whole = amount
        elif type(amount) is float:
            self.type = 1
            self.real = amount

    cdef int change(self, const Element* old, const char* name, size_t name_len, Writer out, State state) except -1:
        cdef int64_t total
        cdef double sum
        if old != NULL and old.type == 16 and self.type == 16:
            total = read_int32(old.value) + self.whole
            if total == <int32_t>total and self.whole != 0:
                out.put_name(16, name, name_len)
                out.put_int32(<int32_t>total)
                return WRITTEN
        elif old != NULL and old.type == 1 and self.type == 1:
            sum = read_double(old.value) + self.real
            if sum != read_double(old.value):
                out.put_name(1, name, name_len)
                out.put_bytes(&sum, 8)
                return WRITTEN
        return Leaf.change(self, old, name, name_len, out, state)


cdef class ObjectNode(Node):
    """Fields of a document, or indexes of an array, and below each what happens to it.

    Arguments:
        children: name -> node, in the order of application.
        positional: what stands under `$`, or None.
        merge: makes one node of two (node, node, path) -> node, where `$` meets an index that is also named.
    """

    cdef readonly dict children
    cdef readonly Node positional
    cdef object merge
    cdef list names, nodes
    cdef dict resolved
    cdef Py_ssize_t count
    cdef const char** starts
    cdef uint32_t* lengths
    cdef uint8_t* seen

    def __cinit__(self):
        self.starts = NULL
        self.lengths = NULL
        self.seen = NULL

    def __init__(self, dict children, Node positional, merge):
        self.children = children
        self.positional = positional
        self.merge = merge
        self.resolved = {}
        self.names = [name.encode("utf-8", "surrogateescape") for name in children]
        self.nodes = list(children.values())
        self.count = len(self.names)
        self.allocate()

    cdef int allocate(self) except -1:
        cdef Py_ssize_t i
        self.starts = <const char**>PyMem_Malloc((self.count + 1) * sizeof(char*))
        self.lengths = <uint32_t*>PyMem_Malloc((self.count + 1) * sizeof(uint32_t))
        self.seen = <uint8_t*>PyMem_Malloc(self.count + 1)
        if self.starts == NULL or self.lengths == NULL or self.seen == NULL:
            raise MemoryError
        for i in range(self.count):
            self.starts[i] = PyBytes_AS_STRING(self.names[i])
            self.lengths[i] = <uint32_t>PyBytes_GET_SIZE(self.names[i])
        return 0

    def __dealloc__(self):
        PyMem_Free(self.starts)
        PyMem_Free(self.lengths)
        PyMem_Free(self.seen)

    cdef inline Py_ssize_t find(self, const char* name, uint32_t name_len) noexcept:
        cdef Py_ssize_t i
        for i in range(self.count):
            if self.lengths[i] == name_len and memcmp(self.starts[i], name, name_len) == 0:
                return i
        return -1

    cdef ObjectNode resolve(self, State state):
        """This node with the positional `$` replaced by the index of the matched element."""
        if self.positional is None:
            return self
        if state.array_index is None:
            raise CommandError(2, "The positional operator did not find the match needed from the query.")
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
    """Every element of an array, or those that match an array filter.

    Arguments:
        children: identifier -> node; the identifier of `$[]` is empty.
        filters: identifier -> a match on a document whose only field is the identifier.
        merge: makes one node of two, where an element belongs to several identifiers.
    """

    cdef readonly dict children
    cdef readonly dict filters
    cdef object merge
    cdef dict merged
    cdef Writer wrapped

    def __init__(self, dict children, dict filters, merge):
        self.children = children
        self.filters = filters
        self.merge = merge
        self.merged = {}
        self.wrapped = Writer()

    cdef Node choose(self, const Element* element, str path):
        """The node for one element, or None."""
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
        cdef bytes name = identifier.encode()
        cdef size_t mark
        self.wrapped.clear()
        mark = self.wrapped.open()
        self.wrapped.put_name(element.type, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
        self.wrapped.put_bytes(element.value, element.value_len)
        self.wrapped.close(mark)
        return self.filters[identifier].matches(self.wrapped.finish())


cdef bint is_index(const char* name, uint32_t name_len, int64_t* index) noexcept:
    """Whether the name is the canonical decimal form of an array index."""
    cdef uint32_t i
    if name_len == 0 or name_len > 10 or (name[0] == 48 and name_len > 1):
        return False
    index[0] = 0
    for i in range(name_len):
        if name[i] < 48 or name[i] > 57:
            return False
        index[0] = index[0] * 10 + (name[i] - 48)
    return True


cdef int cannot_create(ObjectNode node, const Element* element, State state) except -1:
    name = node.demanding_name(state.inserting).decode("utf-8", "surrogateescape")
    field = element.name[:element.name_len].decode("utf-8", "surrogateescape")
    raise CommandError(28, f"Cannot create field '{name}' in element {{{describe_element(field, decode_element(element))}}}")


cdef int apply_element(Node node, const Element* element, Writer out, State state) except -1:
    """Write an existing element as the node changes it; nothing is written of what is KEPT or REMOVED."""
    if isinstance(node, Leaf):
        if (<Leaf>node).sleeps(state.inserting):
            return KEPT
        return (<Leaf>node).change(element, element.name, element.name_len, out, state)
    if isinstance(node, ObjectNode):
        if element.type == 3 or element.type == 4:
            return apply_nested(node, element, out, state)
        if node.demands(state.inserting):
            cannot_create((<ObjectNode>node).resolve(state), element, state)
        return KEPT
    if element.type != 4:
        field = element.name[:element.name_len].decode("utf-8", "surrogateescape")
        raise CommandError(2, f"Cannot apply array updates to non-array element {describe_element(field, decode_element(element))}")
    return apply_nested(node, element, out, state)


cdef int apply_nested(Node node, const Element* element, Writer out, State state) except -1:
    cdef size_t start = out.size
    cdef size_t mark
    cdef bint changed
    out.put_name(element.type, element.name, element.name_len)
    mark = out.open()
    state.path.append(PyBytes_FromStringAndSize(element.name, element.name_len))
    if isinstance(node, ObjectNode):
        changed = apply_fields(node, element, element.value, out, state)
    else:
        changed = apply_array(node, element.value, out, state)
    state.path.pop()
    out.close(mark)
    if not changed:
        out.size = start
    return WRITTEN if changed else KEPT


cdef int apply_array(ArrayNode node, const uint8_t* array, Writer out, State state) except -1:
    """Write the elements of an array; gives 1 if one changed."""
    cdef Element element
    cdef const uint8_t* cursor = first_element(array)
    cdef Node chosen
    cdef int outcome, changed = 0
    while next_element(&cursor, &element):
        chosen = node.choose(&element, state.dotted(element.name, element.name_len))
        outcome = KEPT if chosen is None else apply_element(chosen, &element, out, state)
        changed |= settle(outcome, &element, True, out)
    return changed


cdef int settle(int outcome, const Element* element, bint in_array, Writer out) except -1:
    """Write what an outcome leaves to the caller; gives 1 for a change."""
    if outcome == KEPT:
        out.put_raw_element(element)
        return 0
    if outcome == REMOVED and in_array:
        # Removing an element would move those behind it; MongoDB leaves a null.
        if element.type == 10:
            out.put_raw_element(element)
            return 0
        out.put_name(10, element.name, element.name_len)
    return 1


cdef int apply_fields(ObjectNode node, const Element* holder, const uint8_t* doc, Writer out, State state) except -1:
    """Write the fields of a document, or the elements of an array; gives 1 if one changed.

    `holder` is the element that holds the document, NULL for the whole.
    """
    cdef Element element
    cdef bint in_array = holder != NULL and holder.type == 4
    cdef const uint8_t* cursor = first_element(doc)
    cdef const uint8_t* pending = cursor
    cdef const uint8_t* end = doc + document_length(doc) - 1
    cdef Py_ssize_t i, left
    cdef int changed = 0
    cdef int64_t count = 0
    node = node.resolve(state)
    left = node.count
    memset(node.seen, 0, node.count)
    while left and next_element(&cursor, &element):
        count += 1
        i = node.find(element.name, element.name_len)
        if i < 0 or node.seen[i]:
            continue
        node.seen[i] = 1
        left -= 1
        out.put_bytes(pending, element.start - pending)
        pending = cursor
        changed |= settle(apply_element(<Node>node.nodes[i], &element, out, state), &element, in_array, out)
    out.put_bytes(pending, end - pending)
    if left and in_array:
        return changed | append_elements(node, holder, count, out, state)
    if left:
        changed |= append_fields(node, out, state)
    return changed


cdef int append_fields(ObjectNode node, Writer out, State state) except -1:
    """Write the fields that the document did not have."""
    cdef Py_ssize_t i
    cdef int changed = 0
    for i in range(node.count):
        if not node.seen[i]:
            changed |= create(<Node>node.nodes[i], node.starts[i], node.lengths[i], out, state)
    return changed


cdef int append_elements(ObjectNode node, const Element* holder, int64_t count, Writer out, State state) except -1:
    """Write the elements that the array did not have, and nulls in the gaps."""
    cdef Py_ssize_t i
    cdef int changed = 0
    cdef int64_t index
    cdef size_t start
    for i in range(node.count):
        if node.seen[i] or not (<Node>node.nodes[i]).demands(state.inserting):
            continue
        if not is_index(node.starts[i], node.lengths[i], &index):
            cannot_create(node, holder, state)
        start = out.size
        pad(count, index, out)
        if create(<Node>node.nodes[i], node.starts[i], node.lengths[i], out, state):
            count = index + 1
            changed = 1
        else:
            out.size = start
    return changed


cdef int pad(int64_t count, int64_t index, Writer out) except -1:
    cdef char[24] digits
    cdef int length
    if index - count > BACKFILL_LIMIT:
        raise CommandError(34, f"can't backfill more than {MAX_BACKFILL} elements")
    while count < index:
        length = write_decimal(digits, count)
        out.put_name(10, digits, length)
        count += 1
    return 0


cdef int create(Node node, const char* name, size_t name_len, Writer out, State state) except -1:
    """Write a field that did not exist, with the documents on the way to it; gives 1 if there is something to write."""
    if isinstance(node, Leaf):
        if not (<Leaf>node).creates or (<Leaf>node).sleeps(state.inserting):
            return 0
        return (<Leaf>node).change(NULL, name, name_len, out, state)
    if isinstance(node, ArrayNode):
        path = state.dotted(name, name_len)
        raise CommandError(2, f"The path '{path}' must exist in the document in order to apply array updates.")
    return create_document(node, name, name_len, out, state)


cdef int create_document(ObjectNode node, const char* name, size_t name_len, Writer out, State state) except -1:
    cdef size_t start = out.size
    cdef size_t mark
    cdef int changed
    node = node.resolve(state)
    out.put_name(3, name, name_len)
    mark = out.open()
    memset(node.seen, 0, node.count)
    state.path.append(PyBytes_FromStringAndSize(name, name_len))
    changed = append_fields(node, out, state)
    state.path.pop()
    out.close(mark)
    if not changed:
        out.size = start
    return changed


cdef class Tree:
    """The root of an update's operators."""

    cdef readonly ObjectNode root
    cdef Writer out
    cdef State state

    def __init__(self, ObjectNode root not None):
        self.root = root
        self.out = Writer()
        self.state = State()

    def apply(self, bytes document not None, array_index=None, bint inserting=False):
        """The changed document, or the same object if nothing changed.

        Raises:
            CommandError: an operator cannot be applied to this document.
        """
        cdef const uint8_t* doc = <const uint8_t*>PyBytes_AS_STRING(document)
        cdef size_t mark
        self.begin(document, array_index, inserting)
        mark = self.out.open()
        if not apply_fields(self.root, NULL, doc, self.out, self.state):
            return document
        self.out.close(mark)
        if self.out.size > SIZE_LIMIT:
            raise CommandError(17419, f"Resulting document after update is larger than {MAX_DOCUMENT_SIZE}")
        return self.out.finish()

    cdef int begin(self, bytes document, object array_index, bint inserting) except -1:
        self.out.clear()
        self.state.document = document
        self.state.inserting = inserting
        self.state.array_index = None if array_index is None else str(array_index)
        if self.state.path:
            self.state.path = []
        return 0


def lookup(bytes document not None, tuple names not None):
    """What a path finds, with the name of the first array on the way: (value or MISSING, path of the array or None).

    Array elements are found by index.
    """
    cdef const uint8_t* doc = <const uint8_t*>PyBytes_AS_STRING(document)
    cdef Element element
    cdef bytes name
    cdef Py_ssize_t i
    cdef object array = None
    for i in range(len(names)):
        name = <bytes>names[i]
        if not find_field(doc, PyBytes_AS_STRING(name), <uint32_t>PyBytes_GET_SIZE(name), &element):
            return NO_VALUE, array
        if i == len(names) - 1:
            return decode_element(&element), array
        if element.type != 3 and element.type != 4:
            return NO_VALUE, array
        if element.type == 4 and array is None:
            array = b".".join(names[: i + 1]).decode("utf-8", "surrogateescape")
        doc = element.value


def id_element(bytes document not None):
    """The bytes of the `_id` element of a document, empty if it has none."""
    cdef Element element
    if not find_field(<const uint8_t*>PyBytes_AS_STRING(document), b"_id", 3, &element):
        return b""
    return PyBytes_FromStringAndSize(<const char*>element.start, element.value + element.value_len - element.start)


def without_id(bytes document not None):
    """The elements of a document but its `_id`, without length and final NUL."""
    cdef const uint8_t* doc = <const uint8_t*>PyBytes_AS_STRING(document)
    cdef const uint8_t* end = doc + document_length(doc) - 1
    cdef Element element
    cdef bytes before, after
    if not find_field(doc, b"_id", 3, &element):
        return PyBytes_FromStringAndSize(<const char*>(doc + 4), end - doc - 4)
    before = PyBytes_FromStringAndSize(<const char*>(doc + 4), element.start - doc - 4)
    after = PyBytes_FromStringAndSize(<const char*>(element.value + element.value_len), end - element.value - element.value_len)
    return before + after
