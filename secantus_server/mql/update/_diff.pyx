# cython: language_level=3, boundscheck=False, wraparound=False
"""Creates the form in which the oplog records updates: a `$v: 2` diff between the old and the new document.

The module is compiled because it runs once per updated document.

An update with operators names the paths that it changes, and its diff contains the values at these paths: `{$set: {a: {b: 1}}}` changes
`a`, regardless of the old value of `a`. A pipeline names no paths, and its diff is the smallest one that describes the change.

A diff is a document with the sections `d` (removed fields), `u` (new values), `i` (new fields, in the order in which they are appended) and
`s<field>` (the diff of an embedded document or array). The diff of an array contains `a: true`, the new length `l` if the array became
shorter, `u<index>` and `s<index>`.

https://www.mongodb.com/docs/manual/reference/change-events/update/
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element, find_field, first_element, next_element
from secantus_server.bson._types cimport BSON_ARRAY, BSON_BOOL, BSON_DOCUMENT, BSON_INT
from secantus_server.mql.update._nodes cimport ArrayNode, Leaf, Node, ObjectNode, State


cdef inline bint same_value(const Element* first, const Element* second) noexcept:
    return (
        first.type == second.type and first.value_len == second.value_len and memcmp(first.value, second.value, first.value_len) == 0
    )


cdef class Sections:
    """The sections of one level of a diff. A section is created when a field is first added to it."""

    cdef Writer removed
    cdef Writer updated
    cdef Writer inserted
    cdef Writer nested

    cdef int remove(self, const char* name, size_t name_len) except -1:
        if self.removed is None:
            self.removed = Writer.__new__(Writer)
        self.removed.put_name(BSON_BOOL, name, name_len)
        return self.removed.put_byte(0)

    cdef int update(self, const Element* element) except -1:
        if self.updated is None:
            self.updated = Writer.__new__(Writer)
        return self.updated.put_raw_element(element)

    cdef int insert(self, const Element* element) except -1:
        if self.inserted is None:
            self.inserted = Writer.__new__(Writer)
        return self.inserted.put_raw_element(element)

    cdef int nest(self, const char* name, size_t name_len, Writer diff) except -1:
        """Add the diff of an embedded document or array."""
        if self.nested is None:
            self.nested = Writer.__new__(Writer)
        return put_prefixed(self.nested, BSON_DOCUMENT, b"s", name, name_len, diff.buffer, diff.size)

    cdef int finish(self, Writer out) except -1:
        """Append the diff to `out` as a document."""
        cdef size_t mark = out.open()
        put_section(out, b"d", self.removed)
        put_section(out, b"u", self.updated)
        put_section(out, b"i", self.inserted)
        if self.nested is not None:
            out.put_bytes(self.nested.buffer, self.nested.size)
        return out.close(mark)


cdef int put_section(Writer out, const char* name, Writer fields) except -1:
    cdef size_t mark
    if fields is None:
        return 0
    out.put_name(BSON_DOCUMENT, name, 1)
    mark = out.open()
    out.put_bytes(fields.buffer, fields.size)
    return out.close(mark)


cdef int put_prefixed(
    Writer out, uint8_t type, const char* prefix, const char* name, size_t name_len, const void* value, size_t value_len
) except -1:
    """Append an element whose name is the letter `prefix` followed by the given name."""
    out.put_byte(type)
    out.put_bytes(prefix, 1)
    out.put_bytes(name, name_len)
    out.put_byte(0)
    return out.put_bytes(value, value_len)


def update_entry(ObjectNode root not None, State state not None, bytes old not None, bytes new not None):
    """Return the field `o` of the oplog entry for an update with operators, as BSON bytes.

    Arguments:
        root: the tree of the update's operators.
        state: the state in which the tree was applied to the old document.
    """
    cdef Writer out = Writer.__new__(Writer)
    cdef size_t mark = open_entry(out)
    diff_fields(root, <const uint8_t*>PyBytes_AS_STRING(old), <const uint8_t*>PyBytes_AS_STRING(new), state, out)
    out.close(mark)
    return out.finish()


cdef size_t open_entry(Writer out) except? 0:
    """Begin the field `o` of an oplog entry, up to the diff. Return the position that is needed to close the document."""
    cdef size_t mark = out.open()
    out.put_name(BSON_INT, "$v", 2)
    out.put_int32(2)
    out.put_name(BSON_DOCUMENT, "diff", 4)
    return mark


cdef int diff_fields(ObjectNode node, const uint8_t* old, const uint8_t* new, State state, Writer out) except -1:
    """Append the diff of a document, restricted to the paths that a node names."""
    cdef Sections sections
    cdef Element before
    cdef Element after
    cdef bint had, has
    cdef Py_ssize_t i
    cdef Writer inner
    node = node.resolve(state)
    if node.count == 1 and isinstance(node.nodes[0], Leaf) and not (<Leaf>node.nodes[0]).appends:
        return diff_only(node.starts[0], node.lengths[0], old, new, out)
    sections = Sections.__new__(Sections)
    for i in range(node.count):
        had = find_field(old, node.starts[i], node.lengths[i], &before)
        has = find_field(new, node.starts[i], node.lengths[i], &after)
        if not has:
            if had:
                sections.remove(node.starts[i], node.lengths[i])
        elif not had:
            sections.insert(&after)
        elif not same_value(&before, &after):
            inner = diff_below(<Node>node.nodes[i], &before, &after, state)
            if inner is None:
                sections.update(&after)
            else:
                sections.nest(node.starts[i], node.lengths[i], inner)
    return sections.finish(out)


cdef int diff_only(const char* name, uint32_t name_len, const uint8_t* old, const uint8_t* new, Writer out) except -1:
    """Append the diff of a document in which one field changed."""
    cdef Element before
    cdef Element after
    cdef bint has = find_field(new, name, name_len, &after)
    cdef size_t mark = out.open()
    cdef size_t section
    out.put_name(BSON_DOCUMENT, (b"u" if find_field(old, name, name_len, &before) else b"i") if has else b"d", 1)
    section = out.open()
    if has:
        out.put_raw_element(&after)
    else:
        out.put_name(BSON_BOOL, name, name_len)
        out.put_byte(0)
    out.close(section)
    return out.close(mark)


cdef Writer diff_below(Node node, const Element* before, const Element* after, State state):
    """Return the diff of a changed value, restricted to the paths that a node names.

    Return None if the whole new value must be recorded instead.
    """
    cdef Writer out
    if before.type != after.type or (after.type != BSON_DOCUMENT and after.type != BSON_ARRAY):
        return None
    if isinstance(node, Leaf):
        return appended(before, after) if (<Leaf>node).appends and after.type == BSON_ARRAY else None
    out = Writer.__new__(Writer)
    if after.type == BSON_ARRAY:
        diff_elements(node, before.value, after.value, state, out)
    else:
        diff_fields(node, before.value, after.value, state, out)
    return out


cdef Writer appended(const Element* before, const Element* after):
    """Return the diff of an array to which elements were appended, or None if the array was empty, or if it also changed in another way."""
    cdef Writer out
    cdef size_t mark
    cdef Element element
    cdef const uint8_t* cursor
    cdef uint32_t kept = before.value_len - 5
    if kept == 0 or after.value_len <= before.value_len or memcmp(before.value + 4, after.value + 4, kept):
        return None
    out = Writer.__new__(Writer)
    mark = open_array(out)
    cursor = after.value + 4 + kept
    while next_element(&cursor, &element):
        put_prefixed(out, element.type, b"u", element.name, element.name_len, element.value, element.value_len)
    out.close(mark)
    return out


cdef size_t open_array(Writer out) except? 0:
    """Begin the diff of an array."""
    cdef size_t mark = out.open()
    out.put_name(BSON_BOOL, "a", 1)
    out.put_byte(1)
    return mark


cdef int diff_elements(Node node, const uint8_t* old, const uint8_t* new, State state, Writer out) except -1:
    """Append the diff of an array, restricted to the elements that a node names. Such updates never shorten the array."""
    cdef Element before
    cdef Element after
    cdef const uint8_t* olds = first_element(old)
    cdef const uint8_t* news = first_element(new)
    cdef ObjectNode named = None
    cdef Node chosen
    cdef bint had = True
    cdef Py_ssize_t i
    cdef size_t mark = open_array(out)
    if isinstance(node, ObjectNode):
        named = (<ObjectNode>node).resolve(state)
    while next_element(&news, &after):
        had = had and next_element(&olds, &before)
        if had and same_value(&before, &after):
            continue
        if named is not None:
            # A new element that the node does not name is a null that fills a gap. It need not be recorded, because the element after the
            # gap implies it.
            i = named.find(after.name, after.name_len)
            if i >= 0:
                diff_element(<Node>named.nodes[i], &before if had else NULL, &after, state, out)
        elif had:
            chosen = (<ArrayNode>node).choose(&before, "")
            assert chosen is not None, "only a chosen element changes"
            diff_element(chosen, &before, &after, state, out)
    return out.close(mark)


cdef int diff_element(Node node, const Element* before, const Element* after, State state, Writer out) except -1:
    """Append the change of one array element. `before` is NULL for a new element."""
    cdef Writer inner = None if before == NULL else diff_below(node, before, after, state)
    if inner is None:
        return put_prefixed(out, after.type, b"u", after.name, after.name_len, after.value, after.value_len)
    return put_prefixed(out, BSON_DOCUMENT, b"s", after.name, after.name_len, inner.buffer, inner.size)


def smallest_entry(bytes old not None, bytes new not None, bint nested=True):
    """Return the field `o` of the oplog entry for an update that names no paths, as BSON bytes.

    It is the smaller one of the diff and the new document.

    Arguments:
        nested: whether to describe changes inside embedded documents and arrays, instead of recording their whole new values.
    """
    cdef Writer out = Writer.__new__(Writer)
    cdef size_t mark = open_entry(out)
    compare_documents(<const uint8_t*>PyBytes_AS_STRING(old), <const uint8_t*>PyBytes_AS_STRING(new), nested, out)
    out.close(mark)
    if <Py_ssize_t>out.size >= PyBytes_GET_SIZE(new):
        return new
    return out.finish()


cdef int compare_documents(const uint8_t* old, const uint8_t* new, bint nested, Writer out) except -1:
    """Append the diff of two documents. New fields, and fields that moved, are recorded as appended at the end."""
    cdef Sections sections = Sections.__new__(Sections)
    cdef Element before
    cdef Element after
    cdef const uint8_t* olds = first_element(old)
    cdef const uint8_t* news = first_element(new)
    cdef bint had = next_element(&olds, &before)
    cdef bint has = next_element(&news, &after)
    cdef dict gone = {}
    while had:
        if has and before.name_len == after.name_len and memcmp(before.name, after.name, after.name_len) == 0:
            compare_values(&before, &after, nested, sections)
            has = next_element(&news, &after)
        else:
            gone[PyBytes_FromStringAndSize(before.name, before.name_len)] = None
        had = next_element(&olds, &before)
    while has:
        sections.insert(&after)
        if gone:
            gone.pop(PyBytes_FromStringAndSize(after.name, after.name_len), None)
        has = next_element(&news, &after)
    for name in gone:
        sections.remove(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
    return sections.finish(out)


cdef int compare_values(const Element* before, const Element* after, bint nested, Sections sections) except -1:
    cdef Writer inner
    if same_value(before, after):
        return 0
    inner = compare_below(before, after) if nested else None
    if inner is None:
        return sections.update(after)
    return sections.nest(after.name, after.name_len, inner)


cdef Writer compare_below(const Element* before, const Element* after):
    """Return the diff of a changed document or array.

    Return None if no diff is possible, or if the diff is not smaller than the new value.
    """
    cdef Writer out
    if before.type != after.type or (after.type != BSON_DOCUMENT and after.type != BSON_ARRAY):
        return None
    out = Writer.__new__(Writer)
    if after.type == BSON_DOCUMENT:
        compare_documents(before.value, after.value, True, out)
    else:
        compare_arrays(before.value, after.value, out)
    return out if out.size < after.value_len else None


cdef int compare_arrays(const uint8_t* old, const uint8_t* new, Writer out) except -1:
    """Append the diff of two arrays, element by element."""
    cdef Element before
    cdef Element after
    cdef const uint8_t* olds = first_element(old)
    cdef const uint8_t* news = first_element(new)
    cdef bint had = next_element(&olds, &before)
    cdef bint has = next_element(&news, &after)
    cdef Writer inner
    cdef int count = 0
    cdef size_t mark = open_array(out)
    if shortened(old, new, &count):
        out.put_name(BSON_INT, "l", 1)
        out.put_int32(count)
    while has:
        if not had or not same_value(&before, &after):
            inner = compare_below(&before, &after) if had else None
            if inner is None:
                put_prefixed(out, after.type, b"u", after.name, after.name_len, after.value, after.value_len)
            else:
                put_prefixed(out, BSON_DOCUMENT, b"s", after.name, after.name_len, inner.buffer, inner.size)
        had = had and next_element(&olds, &before)
        has = next_element(&news, &after)
    return out.close(mark)


cdef bint shortened(const uint8_t* old, const uint8_t* new, int* count) noexcept:
    """Return whether an array became shorter. `count` receives its new length."""
    cdef Element element
    cdef int before = 0
    cdef const uint8_t* cursor = first_element(old)
    while next_element(&cursor, &element):
        before += 1
    cursor = first_element(new)
    while next_element(&cursor, &element):
        count[0] += 1
    return count[0] < before
