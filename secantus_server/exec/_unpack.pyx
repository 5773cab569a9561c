# cython: language_level=3, boundscheck=False, wraparound=False
"""Unpacks time-series buckets: converts their columns to measurements."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport strtol
from libc.string cimport memcmp

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._raw cimport Element, find_field, first_element, next_element
from secantus_server.bson._types cimport BSON_DOCUMENT

from secantus_server.exec._bucket import check_version


cdef struct Cursor:
    const char* name
    uint32_t name_len
    const uint8_t* next
    # The value at `position`; undefined if `position` is -1.
    Element value
    long position


cdef class Unpacker:
    """Unpacks buckets, one at a time.

    Arguments:
        time_field: the name of the time field, which each measurement has.
        meta_field: the name of the metadata field, or None.
        names: the fields to keep or to drop.
        keeps: whether `names` are the fields to keep.
    """

    cdef bytes time_field
    cdef bytes meta_field
    cdef frozenset names
    cdef bint keeps
    cdef Writer out

    def __init__(self, str time_field not None, str meta_field, names=(), bint keeps=False):
        self.time_field = time_field.encode("utf-8", "surrogateescape")
        self.meta_field = None if meta_field is None else meta_field.encode("utf-8", "surrogateescape")
        self.names = frozenset([name.encode("utf-8", "surrogateescape") for name in names])
        self.keeps = keeps
        self.out = Writer()

    cdef bint wants(self, bytes name):
        if not self.names and not self.keeps:
            return True
        return (name in self.names) == self.keeps

    def unpack(self, bytes bucket not None):
        """Return the measurements of a bucket in their stored order. Each one begins with the time, followed by the metadata.

        Raises:
            CommandError: 238 NotImplemented for a bucket of another version.
        """
        cdef Element data
        cdef Element meta
        cdef Element time
        cdef const uint8_t* doc = <const uint8_t*>PyBytes_AS_STRING(bucket)
        cdef bint has_meta
        check_version(bucket)
        if not find_field(doc, "data", 4, &data) or data.type != BSON_DOCUMENT:
            return []
        if not find_field(data.value, PyBytes_AS_STRING(self.time_field), <uint32_t>PyBytes_GET_SIZE(self.time_field), &time):
            return []
        if time.type != BSON_DOCUMENT:
            return []
        has_meta = self.meta_field is not None and self.wants(self.meta_field) and find_field(doc, "meta", 4, &meta)
        return self.rows(&data, &time, &meta if has_meta else NULL)

    cdef list rows(self, const Element* data, const Element* time, const Element* meta):
        cdef Py_ssize_t count = 0
        cdef const uint8_t* cursor = first_element(data.value)
        cdef Element element
        cdef Cursor* columns
        while next_element(&cursor, &element):
            count += 1
        columns = <Cursor*>PyMem_Malloc(count * sizeof(Cursor))
        if columns == NULL:
            raise MemoryError()
        try:
            return self.read(columns, self.open_columns(data, columns), time, meta)
        finally:
            PyMem_Free(columns)

    cdef Py_ssize_t open_columns(self, const Element* data, Cursor* columns) except -1:
        """Set one cursor for each requested column except the time column. Return the number of cursors."""
        cdef const uint8_t* cursor = first_element(data.value)
        cdef Element element
        cdef Py_ssize_t count = 0
        while next_element(&cursor, &element):
            if element.type != BSON_DOCUMENT or is_named(&element, self.time_field) or not self.wants(element.name[:element.name_len]):
                continue
            columns[count].name = element.name
            columns[count].name_len = element.name_len
            columns[count].next = first_element(element.value)
            advance(&columns[count])
            count += 1
        return count

    cdef list read(self, Cursor* columns, Py_ssize_t count, const Element* time, const Element* meta):
        cdef list found = []
        cdef Element element
        cdef Py_ssize_t i
        cdef long position
        cdef size_t mark
        cdef Writer out = self.out
        cdef const uint8_t* cursor = first_element(time.value)
        cdef bint wants_time = self.wants(self.time_field)
        while next_element(&cursor, &element):
            position = strtol(element.name, NULL, 10)
            out.clear()
            mark = out.open()
            if wants_time:
                out.put_name(element.type, PyBytes_AS_STRING(self.time_field), PyBytes_GET_SIZE(self.time_field))
                out.put_bytes(element.value, element.value_len)
            if meta != NULL:
                out.put_name(meta.type, PyBytes_AS_STRING(self.meta_field), PyBytes_GET_SIZE(self.meta_field))
                out.put_bytes(meta.value, meta.value_len)
            for i in range(count):
                if columns[i].position == position:
                    out.put_name(columns[i].value.type, columns[i].name, columns[i].name_len)
                    out.put_bytes(columns[i].value.value, columns[i].value.value_len)
                    advance(&columns[i])
            out.close(mark)
            found.append(out.finish())
        return found


cdef void advance(Cursor* column) noexcept:
    if next_element(&column.next, &column.value):
        column.position = strtol(column.value.name, NULL, 10)
    else:
        column.position = -1


cdef bint is_named(const Element* element, bytes name):
    return element.name_len == PyBytes_GET_SIZE(name) and memcmp(element.name, PyBytes_AS_STRING(name), element.name_len) == 0
