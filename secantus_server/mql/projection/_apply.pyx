# cython: language_level=3, boundscheck=False, wraparound=False
"""The kernel that applies a projection to one document. It copies kept elements as bytes, and evaluates and encodes computed ones.

A projection is a tree. A `Branch` represents one level of the paths, and the other nodes are leaves, one per projected field.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcmp

from secantus_server.bson._codec cimport Writer, write_decimal
from secantus_server.bson._raw cimport Element, find_field, first_element, next_element
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT, BSON_DOUBLE, BSON_INT, BSON_LONG, BSON_MISSING, BSON_STRING
from secantus_server.mql.expressions._nodes cimport Computed as ComputedValue, Expression

from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.expressions._nodes import FieldPath

cdef object NO_VALUE = MISSING


cdef class Node:
    """Base class of the actions that a projection takes on one field."""


cdef class Keep(Node):
    """An action that keeps the field unchanged."""


cdef class Drop(Node):
    """An action that drops the field."""


cdef class Slice(Node):
    """An action that keeps the field, but only a part of it if it is an array.

    Arguments:
        skip: the start of the part; a negative number counts from the end.
        limit: the maximum number of elements.
    """

    cdef readonly int64_t skip, limit

    def __init__(self, int64_t skip, int64_t limit):
        self.skip = skip
        self.limit = limit


cdef class Computed(Node):
    """An action that sets the field to a value that is computed from the original document."""

    cdef int put(self, const char* name, size_t name_len, bytes root, Writer out) except -1:
        """Write the field with its value. Return 0 if there is no value."""
        raise NotImplementedError


cdef class Evaluated(Computed):
    """An action that sets the field to the value of an expression."""

    cdef readonly Expression expression
    cdef bytes source
    # The buffer for texts if the expression can be computed without Python objects, or None.
    cdef Writer text

    def __init__(self, Expression expression not None):
        self.expression = expression
        self.source = None
        self.text = Writer() if expression.can_compute() else None
        if type(expression) is FieldPath and "." not in expression.path:
            self.source = expression.path.encode("utf-8", "surrogateescape")

    cdef int put(self, const char* name, size_t name_len, bytes root, Writer out) except -1:
        cdef Element element
        cdef ComputedValue computed
        if self.source is None:
            if self.text is not None:
                self.text.clear()
                if self.expression.compute(<const uint8_t*>PyBytes_AS_STRING(root), self.text, &computed):
                    return put_computed(name, name_len, &computed, self.text, out)
            value = self.expression.evaluate(root)
            if value is NO_VALUE:
                return 0
            out.put_value(name, name_len, value, 1)
            return 1
        if not find_field(
            <const uint8_t*>PyBytes_AS_STRING(root), PyBytes_AS_STRING(self.source), <uint32_t>PyBytes_GET_SIZE(self.source), &element
        ):
            return 0
        out.put_name(element.type, name, name_len)
        out.put_bytes(element.value, element.value_len)
        return 1


cdef int put_computed(const char* name, size_t name_len, const ComputedValue* value, Writer text, Writer out) except -1:
    """Write a field with a computed value. Return 0 if there is no value."""
    if value.type == BSON_MISSING:
        return 0
    if value.type == BSON_STRING:
        out.put_string(name, name_len, <const char*>text.buffer + value.start, value.length)
        return 1
    out.put_name(value.type, name, name_len)
    if value.type == BSON_INT:
        out.put_int32(<int32_t>value.whole)
    elif value.type == BSON_LONG:
        out.put_int64(value.whole)
    elif value.type == BSON_DOUBLE:
        out.put_bytes(&value.real, 8)
    return 1


cdef class FirstMatch(Computed):
    """`$elemMatch`: an action that keeps only the first matching element of an array.

    Arguments:
        match: the parsed filter `{field: {$elemMatch: ...}}`.
    """

    cdef readonly object match

    def __init__(self, match):
        self.match = match

    cdef int put(self, const char* name, size_t name_len, bytes root, Writer out) except -1:
        cdef Element array
        cdef size_t mark
        if not find_field(<const uint8_t*>PyBytes_AS_STRING(root), name, <uint32_t>name_len, &array) or array.type != BSON_ARRAY:
            return 0
        if not self.match.matches(root):
            return 0
        out.put_name(BSON_ARRAY, name, name_len)
        mark = out.open()
        put_element_at(array.value, self.match.array_index(root), out)
        out.close(mark)
        return 1


cdef class Branch(Node):
    """One level of the tree of a projection.

    Arguments:
        children: by name, the node of each listed field.
        additions: the fields that are computed, or that contain computed fields, in the order in which they are written.
        keeps_others: whether fields that are not listed are kept (exclusion, `$addFields`) or dropped (inclusion).
    """

    cdef readonly dict children
    cdef readonly bint keeps_others, has_computed
    cdef list names, nodes, additions
    cdef Py_ssize_t count
    cdef const char** starts
    cdef uint32_t* lengths

    def __cinit__(self):
        self.starts = NULL
        self.lengths = NULL

    def __init__(self, dict children, list additions, bint keeps_others):
        self.children = children
        self.keeps_others = keeps_others
        self.has_computed = len(additions) > 0
        self.names = [name.encode("utf-8", "surrogateescape") for name in children]
        self.nodes = list(children.values())
        self.count = len(self.names)
        order = list(children)
        self.additions = [order.index(name) for name in additions]
        self.allocate()

    cdef int allocate(self) except -1:
        cdef Py_ssize_t i
        self.starts = <const char**>PyMem_Malloc((self.count + 1) * sizeof(char*))
        self.lengths = <uint32_t*>PyMem_Malloc((self.count + 1) * sizeof(uint32_t))
        if self.starts == NULL or self.lengths == NULL:
            raise MemoryError
        for i in range(self.count):
            self.starts[i] = PyBytes_AS_STRING(self.names[i])
            self.lengths[i] = <uint32_t>PyBytes_GET_SIZE(self.names[i])
        return 0

    def __dealloc__(self):
        PyMem_Free(self.starts)
        PyMem_Free(self.lengths)

    cdef inline Py_ssize_t find(self, const char* name, uint32_t name_len) noexcept:
        cdef Py_ssize_t i
        for i in range(self.count):
            if self.lengths[i] == name_len and memcmp(self.starts[i], name, name_len) == 0:
                return i
        return -1


cdef int put_element_at(const uint8_t* array, int64_t index, Writer out) except -1:
    """Write one element of an array as element 0. Return 0 if the array has no such element."""
    cdef Element element
    cdef const uint8_t* cursor = first_element(array)
    while next_element(&cursor, &element):
        if index == 0:
            out.put_name(element.type, b"0", 1)
            out.put_bytes(element.value, element.value_len)
            return 1
        index -= 1
    return 0


cdef int put_fields(Branch branch, const uint8_t* doc, bytes root, Writer out) except -1:
    """Write those fields of a document that the branch keeps, changes or adds."""
    cdef Element element
    cdef const uint8_t* cursor = first_element(doc)
    cdef Py_ssize_t i
    cdef set written = set() if branch.has_computed else None
    while next_element(&cursor, &element):
        i = branch.find(element.name, element.name_len)
        if i < 0:
            if branch.keeps_others:
                out.put_raw_element(&element)
        elif put_named(branch, <Node>branch.nodes[i], &element, root, out) and written is not None:
            written.add(i)
    if written is not None:
        put_additions(branch, written, root, out)
    return 0


cdef int put_named(Branch branch, Node node, const Element* element, bytes root, Writer out) except -1:
    """Write a field that the branch lists. Return 1 if the field is complete, so that it must not be added at the end."""
    if isinstance(node, Keep):
        out.put_raw_element(element)
        return 1
    if isinstance(node, Drop):
        return 1
    if isinstance(node, Branch):
        return put_value(<Branch>node, element.name, element.name_len, element, root, out)
    if isinstance(node, Computed):
        # An inclusion does not replace a field with a computed one in its place, but appends computed fields after the kept ones.
        if branch.keeps_others:
            (<Computed>node).put(element.name, element.name_len, root, out)
        return branch.keeps_others
    return put_slice(<Slice>node, element, out)


cdef int put_value(Branch branch, const char* name, size_t name_len, const Element* element, bytes root, Writer out) except -1:
    """Apply a branch to an element and write the result. Return 0 if the element is dropped."""
    cdef size_t mark
    if element.type == BSON_DOCUMENT:
        out.put_name(BSON_DOCUMENT, name, name_len)
        mark = out.open()
        put_fields(branch, element.value, root, out)
        out.close(mark)
        return 1
    if element.type == BSON_ARRAY:
        out.put_name(BSON_ARRAY, name, name_len)
        put_array(branch, element.value, root, out)
        return 1
    if not branch.keeps_others:
        return 0
    if branch.has_computed:
        put_new_document(branch, name, name_len, root, out)
    else:
        out.put_name(element.type, name, name_len)
        out.put_bytes(element.value, element.value_len)
    return 1


cdef int put_array(Branch branch, const uint8_t* array, bytes root, Writer out) except -1:
    cdef Element element
    cdef const uint8_t* cursor = first_element(array)
    cdef size_t mark = out.open()
    cdef char[24] digits
    cdef Py_ssize_t index = 0
    cdef int length
    while next_element(&cursor, &element):
        length = write_decimal(digits, index)
        if put_value(branch, digits, length, &element, root, out):
            index += 1
        elif branch.has_computed:
            put_new_document(branch, digits, length, root, out)
            index += 1
    return out.close(mark)


cdef int put_additions(Branch branch, set written, bytes root, Writer out) except -1:
    """Write the computed fields that did not replace an existing field."""
    cdef Py_ssize_t i
    for i in branch.additions:
        if i in written:
            continue
        node = branch.nodes[i]
        if isinstance(node, Computed):
            (<Computed>node).put(branch.starts[i], branch.lengths[i], root, out)
        else:
            put_new_document(<Branch>node, branch.starts[i], branch.lengths[i], root, out)
    return 0


cdef int put_new_document(Branch branch, const char* name, size_t name_len, bytes root, Writer out) except -1:
    """Write a document that contains only computed fields."""
    cdef size_t mark
    out.put_name(BSON_DOCUMENT, name, name_len)
    mark = out.open()
    put_additions(branch, set(), root, out)
    return out.close(mark)


cdef int put_slice(Slice slice, const Element* element, Writer out) except -1:
    """Write a field. If its value is an array, write only the requested part."""
    cdef Element item
    cdef const uint8_t* cursor
    cdef int64_t position, start, stop
    cdef size_t mark
    cdef char[24] digits
    cdef int length
    if element.type != BSON_ARRAY:
        out.put_raw_element(element)
        return 1
    start = slice.skip
    if start < 0:
        start = max(0, start + count_elements(element.value))
    stop = start + slice.limit
    out.put_name(BSON_ARRAY, element.name, element.name_len)
    mark = out.open()
    cursor = first_element(element.value)
    position = 0
    while position < stop and next_element(&cursor, &item):
        if position >= start:
            length = write_decimal(digits, position - start)
            out.put_name(item.type, digits, length)
            out.put_bytes(item.value, item.value_len)
        position += 1
    out.close(mark)
    return 1


cdef int64_t count_elements(const uint8_t* array) noexcept:
    cdef Element element
    cdef const uint8_t* cursor = first_element(array)
    cdef int64_t count = 0
    while next_element(&cursor, &element):
        count += 1
    return count


cdef class Kernel:
    """The tree of a projection, with the buffer to which results are written."""

    cdef readonly Branch root
    cdef Writer out

    def __init__(self, Branch root not None):
        self.root = root
        self.out = Writer()

    def apply(self, bytes doc not None):
        """Return the projected document."""
        cdef size_t mark
        self.out.clear()
        mark = self.out.open()
        put_fields(self.root, <const uint8_t*>PyBytes_AS_STRING(doc), doc, self.out)
        self.out.close(mark)
        return self.out.finish()


cdef int narrow(const uint8_t* doc, tuple names, Py_ssize_t depth, object index, Writer out) except -1:
    """Write the fields of a document, but only one element of the first array on a path."""
    cdef Element element
    cdef const uint8_t* cursor = first_element(doc)
    cdef bytes name = <bytes>names[depth]
    cdef size_t mark
    while next_element(&cursor, &element):
        if (
            element.name_len != PyBytes_GET_SIZE(name)
            or memcmp(element.name, PyBytes_AS_STRING(name), element.name_len) != 0
            or (element.type != BSON_ARRAY and (element.type != BSON_DOCUMENT or depth + 1 == len(names)))
        ):
            out.put_raw_element(&element)
            continue
        out.put_name(element.type, element.name, element.name_len)
        mark = out.open()
        if element.type == BSON_DOCUMENT:
            narrow(element.value, names, depth + 1, index, out)
        elif index is None:
            raise CommandError(51246, "positional operator '.$' couldn't find a matching element in the array")
        elif not put_element_at(element.value, index, out):
            raise CommandError(51247, "positional operator '.$' element mismatch")
        out.close(mark)
    return 0


def narrow_array(bytes doc not None, tuple names not None, index):
    """Return a copy of a document in which the first array on a path has only one element.

    Raises:
        CommandError: 51246 if there is an array but no index (None), 51247 if the array has no such element.
    """
    cdef Writer out = Writer()
    cdef size_t mark = out.open()
    narrow(<const uint8_t*>PyBytes_AS_STRING(doc), names, 0, index, out)
    out.close(mark)
    return out.finish()
