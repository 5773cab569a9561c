# cython: language_level=3, boundscheck=False, wraparound=False
"""The difference between a document and its updated version, as the oplog keeps it: `{$v: 2, diff: {...}}`.

A diff of a document is `{d: {removed: false}, u: {updated: value}, i: {inserted: value}, s<field>: {diff of the field}}`; one of an array
is `{a: true, l: new length, u<index>: value, s<index>: {diff of the element}}`. Every section is optional.

https://www.mongodb.com/docs/manual/reference/change-events/update/#behavior
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element, document_length, first_element, next_element
from secantus_server.mql.update._nodes cimport ArrayNode, Leaf, Node, ObjectNode, State

cdef enum:
    DOCUMENT = 3
    ARRAY = 4
    BOOLEAN = 8
    INT32 = 16
    # Nodes with so many fields are compared without an allocation.
    FEW = 8
    # The size, beside the diff itself, up to which a diff is better than the whole document.
    OVERHEAD = 15

# How a field changed.
cdef enum:
    SAME
    REMOVED
    UPDATED
    INSERTED
    NESTED
    APPENDED

cdef struct Field:
    Element old
    Element new
    bint was
    bint has_new
    int kind


cdef bint same_value(const Element* a, const Element* b) noexcept nogil:
    return a.type == b.type and a.value_len == b.value_len and memcmp(a.value, b.value, a.value_len) == 0


cdef bint both_nested(const Element* a, const Element* b) noexcept nogil:
    """Return whether both are documents or both are arrays."""
    return a.type == b.type and (a.type == DOCUMENT or a.type == ARRAY)


cdef int put_prefixed(Writer out, uint8_t type, uint8_t prefix, const char* name, size_t name_len) except -1:
    """Write the type and the name of a field whose name has a one-letter prefix."""
    out.put_byte(type)
    out.put_byte(prefix)
    out.put_bytes(name, name_len)
    return out.put_byte(0)


cdef int put_named(Writer out, const Element* element) except -1:
    out.put_name(element.type, element.name, element.name_len)
    return out.put_bytes(element.value, element.value_len)


cdef int put_element(Writer out, const Element* element) except -1:
    """Write the new value of an array's element."""
    put_prefixed(out, element.type, b"u", element.name, element.name_len)
    return out.put_bytes(element.value, element.value_len)


cdef int put_array_mark(Writer out) except -1:
    out.put_name(BOOLEAN, "a", 1)
    return out.put_byte(1)


cdef int put_removed(Writer out, const Element* element) except -1:
    out.put_name(BOOLEAN, element.name, element.name_len)
    return out.put_byte(0)


# The diff of an operator update: only the paths that it names are compared.


def update_entry(ObjectNode root not None, State state not None, bytes old not None, bytes new not None):
    """Return the `o` of the oplog entry of an operator update, as BSON bytes; a value at the end of a path that it names is shown whole.

    Arguments:
        root: the root of the update's tree.
        state: the tree's state after the application to the old document.
        old: the document.
        new: the document after the update.
    """
    cdef Writer out = Writer.__new__(Writer)
    cdef size_t mark = begin(out)
    put_fields(root, <const uint8_t*>PyBytes_AS_STRING(old), <const uint8_t*>PyBytes_AS_STRING(new), out, state)
    out.close(mark)
    return out.finish()


cdef size_t begin(Writer out) except? 0:
    """Open the entry's `o` up to the diff, which follows."""
    cdef size_t mark = out.open()
    out.put_name(INT32, "$v", 2)
    out.put_int32(2)
    out.put_name(DOCUMENT, "diff", 4)
    return mark


cdef int put_fields(ObjectNode node, const uint8_t* old, const uint8_t* new, Writer out, State state) except -1:
    """Write the diff of a document; return 1 if something changed."""
    cdef Field[FEW] few
    cdef Field* fields = few
    node = node.resolve(state)
    if node.count > FEW:
        fields = <Field*>PyMem_Malloc(node.count * sizeof(Field))
        if fields == NULL:
            raise MemoryError
    try:
        read_fields(node, old, new, fields)
        return put_sections(node, fields, out, state)
    finally:
        if fields != few:
            PyMem_Free(fields)


cdef int read_fields(ObjectNode node, const uint8_t* old, const uint8_t* new, Field* fields) except -1:
    """Read both versions of the fields that a node names."""
    cdef Py_ssize_t i, left
    cdef Element element
    cdef const uint8_t* cursor
    for i in range(node.count):
        fields[i].was = fields[i].has_new = False
    left = node.count
    cursor = first_element(old)
    while left and next_element(&cursor, &element):
        i = node.find(element.name, element.name_len)
        if i >= 0 and not fields[i].was:
            fields[i].old, fields[i].was = element, True
            left -= 1
    left = node.count
    cursor = first_element(new)
    while left and next_element(&cursor, &element):
        i = node.find(element.name, element.name_len)
        if i >= 0 and not fields[i].has_new:
            fields[i].new, fields[i].has_new = element, True
            left -= 1
    for i in range(node.count):
        fields[i].kind = kind_of(<Node>node.nodes[i], &fields[i])
    return 0


cdef int kind_of(Node node, const Field* field) except -1:
    if not field.was:
        return INSERTED if field.has_new else SAME
    if not field.has_new:
        return REMOVED
    if same_value(&field.old, &field.new):
        return SAME
    if isinstance(node, Leaf):
        return APPENDED if (<Leaf>node).appends and is_extended(&field.old, &field.new) else UPDATED
    return NESTED if both_nested(&field.old, &field.new) else UPDATED


cdef bint is_extended(const Element* old, const Element* new) noexcept nogil:
    """Return whether the new array consists of the elements of the old one, of which there are some, and more after them."""
    cdef uint8_t empty = 5
    return (
        old.type == ARRAY
        and new.type == ARRAY
        and empty < old.value_len < new.value_len
        and memcmp(old.value + 4, new.value + 4, old.value_len - 5) == 0
    )


cdef int put_sections(ObjectNode node, Field* fields, Writer out, State state) except -1:
    cdef size_t mark = out.open()
    cdef Py_ssize_t i
    cdef int changed = put_section(node, fields, REMOVED, "d", out)
    changed |= put_section(node, fields, UPDATED, "u", out)
    changed |= put_section(node, fields, INSERTED, "i", out)
    for i in range(node.count):
        if fields[i].kind == NESTED:
            changed |= put_nested(<Node>node.nodes[i], &fields[i].old, &fields[i].new, out, state)
        elif fields[i].kind == APPENDED:
            changed |= put_appended(&fields[i].old, &fields[i].new, out)
    out.close(mark)
    return changed


cdef int put_section(ObjectNode node, const Field* fields, int kind, const char* name, Writer out) except -1:
    """Write the fields of one kind in a document of this name; return 1 if there are any."""
    cdef Py_ssize_t i
    cdef size_t mark = 0
    cdef bint opened = False
    for i in range(node.count):
        if fields[i].kind != kind:
            continue
        if not opened:
            out.put_name(DOCUMENT, name, 1)
            mark = out.open()
            opened = True
        if kind == REMOVED:
            put_removed(out, &fields[i].old)
        else:
            put_named(out, &fields[i].new)
    if opened:
        out.close(mark)
    return opened


cdef int put_nested(Node node, const Element* old, const Element* new, Writer out, State state) except -1:
    """Write the diff of a nested document or array as a field `s<name>`; return 1 if something changed."""
    cdef size_t start = out.size
    cdef int changed
    put_prefixed(out, DOCUMENT, b"s", new.name, new.name_len)
    if new.type == ARRAY:
        changed = put_elements(node, old.value, new.value, out, state)
    else:
        changed = put_fields(node, old.value, new.value, out, state)
    if not changed:
        out.size = start
    return changed


cdef int put_appended(const Element* old, const Element* new, Writer out) except -1:
    """Write the elements that were appended to an array."""
    cdef Element element
    cdef const uint8_t* cursor = new.value + old.value_len - 1
    cdef size_t mark
    put_prefixed(out, DOCUMENT, b"s", new.name, new.name_len)
    mark = out.open()
    put_array_mark(out)
    while next_element(&cursor, &element):
        put_element(out, &element)
    out.close(mark)
    return 1


cdef int put_elements(Node node, const uint8_t* old, const uint8_t* new, Writer out, State state) except -1:
    """Write the diff of an array, which does not become shorter; return 1 if something changed."""
    cdef size_t mark = out.open()
    cdef const uint8_t* before = first_element(old)
    cdef const uint8_t* after = first_element(new)
    cdef Element was, element
    cdef bint existed = True
    cdef int changed = 0
    if isinstance(node, ObjectNode):
        node = (<ObjectNode>node).resolve(state)
    put_array_mark(out)
    while next_element(&after, &element):
        existed = existed and next_element(&before, &was)
        if not existed or not same_value(&was, &element):
            changed |= put_one(node, &was if existed else NULL, &element, out, state)
    out.close(mark)
    return changed


cdef int put_one(Node node, const Element* old, const Element* new, Writer out, State state) except -1:
    """Write what changed in one element of an array; `old` is NULL for a new one. Nulls that fill a gap are implied."""
    cdef Node child = child_of(node, old, new)
    if child is None:
        return 0
    if old != NULL:
        if isinstance(child, Leaf):
            if (<Leaf>child).appends and is_extended(old, new):
                return put_appended(old, new, out)
        elif both_nested(old, new):
            return put_nested(child, old, new, out, state)
    put_element(out, new)
    return 1


cdef Node child_of(Node node, const Element* old, const Element* new):
    """Return the node of an array's element, or None."""
    cdef Py_ssize_t i
    if isinstance(node, ObjectNode):
        i = (<ObjectNode>node).find(new.name, new.name_len)
        return None if i < 0 else (<ObjectNode>node).nodes[i]
    return None if old == NULL else (<ArrayNode>node).choose(old, "")


# The diff of a pipeline update: everything is compared.


def smallest_entry(bytes old not None, bytes new not None, bint nested=True):
    """Return the `o` of the oplog entry of an update that names no paths, as BSON bytes: a diff, or the new document if that is smaller.

    Arguments:
        nested: whether to describe changes inside embedded documents and arrays, or to give their new values whole.
    """
    cdef Writer out = Writer.__new__(Writer)
    cdef size_t mark = begin(out)
    cdef size_t start = out.size
    compare_documents(<const uint8_t*>PyBytes_AS_STRING(old), <const uint8_t*>PyBytes_AS_STRING(new), nested, out)
    if out.size - start + OVERHEAD > <size_t>PyBytes_GET_SIZE(new):
        return new
    out.close(mark)
    return out.finish()


cdef int compare_documents(const uint8_t* old, const uint8_t* new, bint nested, Writer out) except -1:
    """Write the diff of two documents.

    Fields keep their order: a field of the old document that is not next in the new one is removed, and inserted again at the end if the
    new document has it later.
    """
    cdef const uint8_t* before = first_element(old)
    cdef const uint8_t* after = first_element(new)
    cdef const uint8_t* next_after = after
    cdef Element was, element
    cdef list gone = []
    cdef size_t mark = out.open()
    cdef bint more = next_element(&next_after, &element)
    cdef Writer updates = Writer.__new__(Writer)
    cdef Writer inner = Writer.__new__(Writer)
    while next_element(&before, &was):
        if more and was.name_len == element.name_len and memcmp(was.name, element.name, was.name_len) == 0:
            if not same_value(&was, &element):
                if not nested or not put_smaller(&was, &element, inner):
                    put_named(updates, &element)
            after = next_after
            more = next_element(&next_after, &element)
        else:
            gone.append(PyBytes_FromStringAndSize(was.name, was.name_len))
    put_gone(gone, after, out)
    put_wrapped(out, "u", updates.buffer, updates.size)
    put_wrapped(out, "i", after, new + document_length(new) - 1 - after)
    out.put_bytes(inner.buffer, inner.size)
    return out.close(mark)


cdef int put_gone(list names, const uint8_t* rest, Writer out) except -1:
    """Write the names of the removed fields, except those that are inserted again."""
    cdef set again = set()
    cdef Element element
    cdef Writer removed
    cdef bytes name
    if not names:
        return 0
    while next_element(&rest, &element):
        again.add(PyBytes_FromStringAndSize(element.name, element.name_len))
    removed = Writer.__new__(Writer)
    for name in names:
        if name not in again:
            removed.put_name(BOOLEAN, PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
            removed.put_byte(0)
    return put_wrapped(out, "d", removed.buffer, removed.size)


cdef int put_wrapped(Writer out, const char* name, const uint8_t* elements, size_t size) except -1:
    """Write elements as a document of this name, if there are any."""
    cdef size_t mark
    if not size:
        return 0
    out.put_name(DOCUMENT, name, 1)
    mark = out.open()
    out.put_bytes(elements, size)
    return out.close(mark)


cdef bint put_smaller(const Element* old, const Element* new, Writer out) except -1:
    """Write the diff of a nested document or array as a field `s<name>`, if it is not larger than the value; return whether it was."""
    cdef size_t start = out.size
    cdef size_t value
    if not both_nested(old, new):
        return False
    put_prefixed(out, DOCUMENT, b"s", new.name, new.name_len)
    value = out.size
    if new.type == ARRAY:
        compare_arrays(old.value, new.value, out)
    else:
        compare_documents(old.value, new.value, True, out)
    if out.size - value <= new.value_len:
        return True
    out.size = start
    return False


cdef int compare_arrays(const uint8_t* old, const uint8_t* new, Writer out) except -1:
    cdef const uint8_t* before = first_element(old)
    cdef const uint8_t* after = first_element(new)
    cdef Element was, element
    cdef size_t mark = out.open()
    cdef bint existed = True
    put_array_mark(out)
    put_length(old, new, out)
    while next_element(&after, &element):
        existed = existed and next_element(&before, &was)
        if existed and same_value(&was, &element):
            continue
        if not existed or not put_smaller(&was, &element, out):
            put_element(out, &element)
    return out.close(mark)


cdef int put_length(const uint8_t* old, const uint8_t* new, Writer out) except -1:
    """Write the new length of an array that becomes shorter."""
    cdef int length = count_elements(new)
    if length < count_elements(old):
        out.put_name(INT32, "l", 1)
        out.put_int32(length)
    return 0


cdef int count_elements(const uint8_t* array) noexcept nogil:
    cdef const uint8_t* cursor = first_element(array)
    cdef Element element
    cdef int count = 0
    while next_element(&cursor, &element):
        count += 1
    return count
