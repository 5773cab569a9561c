# cython: language_level=3, boundscheck=False, wraparound=False
"""The kernel that applies a tree of update operators to one document. Bytes that no operator changes are copied unchanged."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memset

from secantus_server.bson._codec cimport Writer, decode_element, decode_stored_element, write_decimal
from secantus_server.bson._raw cimport Element, document_length, find_field, first_element, next_element
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT, BSON_NULL
from secantus_server.mql.update._nodes cimport KEPT, REMOVED, WRITTEN, ArrayNode, Leaf, Node, ObjectNode, State

from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.describe import describe_element

cdef object NO_VALUE = MISSING

MAX_BACKFILL = 1500000
MAX_DOCUMENT_SIZE = 16 * 1024 * 1024
cdef int64_t BACKFILL_LIMIT = MAX_BACKFILL
cdef size_t SIZE_LIMIT = MAX_DOCUMENT_SIZE


cdef bint is_index(const char* name, uint32_t name_len, int64_t* index) noexcept:
    """Return whether a name is an array index in canonical decimal form."""
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
    """Write the new form of an existing element. If the outcome is KEPT or REMOVED, write nothing. Return the outcome."""
    if isinstance(node, Leaf):
        if (<Leaf>node).sleeps(state.inserting):
            return KEPT
        return (<Leaf>node).change(element, element.name, element.name_len, out, state)
    if isinstance(node, ObjectNode):
        if element.type == BSON_DOCUMENT or element.type == BSON_ARRAY:
            return apply_nested(node, element, out, state)
        if node.demands(state.inserting):
            cannot_create((<ObjectNode>node).resolve(state), element, state)
        return KEPT
    if element.type != BSON_ARRAY:
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
    """Write the new elements of an array. Return 1 if any element changed."""
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
    """Complete an element after `apply_element`: write it if it is kept, or write a null if it was removed from an array.

    Return 1 if the element changed.
    """
    if outcome == KEPT:
        out.put_raw_element(element)
        return 0
    if outcome == REMOVED and in_array:
        # As in MongoDB, a removed array element becomes null, so that later elements keep their indexes.
        if element.type == BSON_NULL:
            out.put_raw_element(element)
            return 0
        out.put_name(BSON_NULL, element.name, element.name_len)
    return 1


cdef int apply_fields(ObjectNode node, const Element* holder, const uint8_t* doc, Writer out, State state) except -1:
    """Write the new fields of a document, or the new elements of an array. Return 1 if any of them changed.

    `holder` is the element that contains the document, or NULL for the root.
    """
    cdef Element element
    cdef bint in_array = holder != NULL and holder.type == BSON_ARRAY
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
    """Write the fields that the update sets and the document does not have yet. Return 1 if any field was written."""
    cdef Py_ssize_t i
    cdef int changed = 0
    for i in range(node.count):
        if not node.seen[i]:
            changed |= create(<Node>node.nodes[i], node.starts[i], node.lengths[i], out, state)
    return changed


cdef int append_elements(ObjectNode node, const Element* holder, int64_t count, Writer out, State state) except -1:
    """Write the elements that the update sets and the array does not have yet, with nulls in the gaps.

    Return 1 if any element was written.
    """
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
        out.put_name(BSON_NULL, digits, length)
        count += 1
    return 0


cdef int create(Node node, const char* name, size_t name_len, Writer out, State state) except -1:
    """Write a missing field, including the documents on its path. Return 1 if anything was written."""
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
    out.put_name(BSON_DOCUMENT, name, name_len)
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
    """The tree of an update's operators, with the buffer to which results are written."""

    cdef readonly ObjectNode root
    cdef Writer out
    cdef readonly State state

    def __init__(self, ObjectNode root not None):
        self.root = root
        self.out = Writer()
        self.state = State()

    def apply(self, bytes document not None, array_index=None, bint inserting=False):
        """Return the changed document, or the same object if nothing changed.

        Raises:
            CommandError: if an operator cannot be applied to this document.
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
    """Return the value at a path (or MISSING), and the path of the first array on it (or None).

    A number in the path is the index of an array element.
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
            return decode_stored_element(&element), array
        if element.type != BSON_DOCUMENT and element.type != BSON_ARRAY:
            return NO_VALUE, array
        if element.type == BSON_ARRAY and array is None:
            array = b".".join(names[: i + 1]).decode("utf-8", "surrogateescape")
        doc = element.value


def id_element(bytes document not None):
    """Return the bytes of a document's `_id` element. The result is empty if the document has no `_id`."""
    cdef Element element
    if not find_field(<const uint8_t*>PyBytes_AS_STRING(document), b"_id", 3, &element):
        return b""
    return PyBytes_FromStringAndSize(<const char*>element.start, element.value + element.value_len - element.start)


def without_id(bytes document not None):
    """Return a document's elements except `_id`, without the length prefix and the final NUL."""
    cdef const uint8_t* doc = <const uint8_t*>PyBytes_AS_STRING(document)
    cdef const uint8_t* end = doc + document_length(doc) - 1
    cdef Element element
    cdef bytes before, after
    if not find_field(doc, b"_id", 3, &element):
        return PyBytes_FromStringAndSize(<const char*>(doc + 4), end - doc - 4)
    before = PyBytes_FromStringAndSize(<const char*>(doc + 4), element.start - doc - 4)
    after = PyBytes_FromStringAndSize(<const char*>(element.value + element.value_len), end - element.value - element.value_len)
    return before + after
