# cython: language_level=3, boundscheck=False, wraparound=False
"""Builds time-series buckets, in which measurements are stored as columns.

A bucket is a document `{_id, control: {version, min, max, count}, meta, data}`. `data` has one document per field of the measurements,
which maps the position of each measurement ("0", "1", ...) to its value. `control.min` and `control.max` contain the smallest and the
greatest value of each field; in documents and arrays, they are determined separately for each nested value.

https://www.mongodb.com/docs/manual/core/timeseries/timeseries-bucketing/
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcmp, memcpy

from secantus_server.bson._codec cimport Writer, decode_value
from secantus_server.bson._compare cimport compare_raw
from secantus_server.bson._duplicates cimport has_duplicate
from secantus_server.bson._raw cimport Element, find_field, first_element, next_element, read_int32, read_int64
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DATE, BSON_DOCUMENT, BSON_INT, BSON_OBJECT_ID

from secantus_server.bson import compare_values
from secantus_server.errors import CommandError, not_supported
from secantus_server.exec._prepare import prepare_document

cdef enum:
    MAX_COUNT = 1000
    MAX_BYTES = 128000
    # A bucket with fewer measurements than this may exceed the size limit, so that large measurements also share buckets.
    MIN_COUNT = 10
    MAX_LARGE_BYTES = 12 * 1024 * 1024


def check_version(bytes bucket not None):
    """Raise an error for a bucket whose version is not 1.

    This server writes only version 1, but a client may insert a bucket that another server wrote.

    Raises:
        CommandError: 238 NotImplemented.
    """
    cdef Element control
    cdef Element version
    if find_field(<const uint8_t*>PyBytes_AS_STRING(bucket), "control", 7, &control) and control.type == BSON_DOCUMENT:
        if find_field(control.value, "version", 7, &version):
            if decode_value(version.type, version.value, version.value_len) != 1:
                raise not_supported("a compressed bucket of a time-series collection", "insert the measurements into this server")


cdef class MeasurementReader:
    """Reads the fields that determine the bucket of a measurement.

    Arguments:
        time_field: the name of the time field.
        meta_field: the name of the field that identifies the series, or None.
    """

    cdef bytes time_field
    cdef bytes meta_field
    cdef Writer buffer

    def __init__(self, str time_field not None, str meta_field):
        self.time_field = time_field.encode("utf-8", "surrogateescape")
        self.meta_field = None if meta_field is None else meta_field.encode("utf-8", "surrogateescape")
        self.buffer = Writer()

    def collect(self, list documents not None, Py_ssize_t start, Py_ssize_t stop, make_id, make_timestamp, dict series not None):
        """Add the measurements at the positions [start, stop) to their series.

        Return the position and the error of the first measurement that cannot be stored.

        Arguments:
            make_id, make_timestamp: see `prepare_document`.
            series: the times and the prepared measurements of each series, keyed by the type and the bytes of its metadata.
        """
        cdef bytes doc
        cdef bytes key
        cdef list found
        cdef Element element
        cdef Py_ssize_t position
        for position in range(start, stop):
            try:
                doc = prepare_document(documents[position], make_id, make_timestamp)
                if not self.find(doc, self.time_field, &element) or element.type != BSON_DATE:
                    name = self.time_field.decode("utf-8", "surrogateescape")
                    raise CommandError(2, f"'{name}' must be present and contain a valid BSON UTC datetime value")
                # A bucket has one value per name.
                if has_duplicate(<const uint8_t*>PyBytes_AS_STRING(doc)):
                    raise not_supported("a measurement that has two fields of the same name", "store each name once")
            except CommandError as error:
                return position, error
            time = read_int64(element.value)
            key = b""
            if self.meta_field is not None and self.find(doc, self.meta_field, &element):
                key = self.meta_key(&element)
            found = series.get(key)
            if found is None:
                found = series[key] = []
            found.append((time, doc))
        return stop, None

    cdef bint find(self, bytes doc, bytes name, Element* element):
        return find_field(<const uint8_t*>PyBytes_AS_STRING(doc), PyBytes_AS_STRING(name), <uint32_t>PyBytes_GET_SIZE(name), element)

    cdef bytes meta_key(self, const Element* element):
        """Return the type byte and the value of the metadata, which identify a series.

        Sort the fields by name, because their order does not distinguish series.
        """
        if element.type == BSON_DOCUMENT or element.type == BSON_ARRAY:
            self.buffer.clear()
            self.buffer.put_value("", 0, sorted_fields(decode_value(element.type, element.value, element.value_len)), 1)
            # Cut off the type and the empty field name.
            return bytes([element.type]) + self.buffer.finish()[2:]
        return bytes([element.type]) + PyBytes_FromStringAndSize(<const char*>element.value, element.value_len)


def sorted_fields(value):
    """Return a value in which the fields of all documents are sorted by name."""
    if type(value) is dict:
        return {name: sorted_fields(value[name]) for name in sorted(value)}
    if type(value) is list:
        return [sorted_fields(item) for item in value]
    return value


cdef class Column:
    """The values of one field in a bucket."""

    cdef bytes name
    cdef Writer values
    # The smallest and the greatest value, each as its type byte and its bytes; None before the first value.
    cdef bytes low
    cdef bytes high

    def __cinit__(self):
        self.values = Writer()

    cdef int add(self, const char* position, size_t length, const Element* element) except -1:
        """Append a value."""
        self.values.put_name(element.type, position, length)
        self.values.put_bytes(element.value, element.value_len)
        return self.widen(element)

    cdef int widen(self, const Element* element) except -1:
        """Extend the bounds to include a value."""
        if self.low is None:
            self.low = self.high = whole(element)
            return 0
        if is_nested(self.low[0]) or is_nested(self.high[0]) or is_nested(element.type):
            value = decode_value(element.type, element.value, element.value_len)
            self.low = encoded(merged(decoded(self.low), value, -1))
            self.high = encoded(merged(decoded(self.high), value, 1))
            return 0
        cdef const uint8_t* low = <const uint8_t*>PyBytes_AS_STRING(self.low)
        cdef const uint8_t* high = <const uint8_t*>PyBytes_AS_STRING(self.high)
        if compare_raw(element.type, element.value, low[0], low + 1) < 0:
            self.low = whole(element)
        elif compare_raw(element.type, element.value, high[0], high + 1) > 0:
            self.high = whole(element)
        return 0


cdef inline bint is_nested(uint8_t type) noexcept:
    return type == BSON_DOCUMENT or type == BSON_ARRAY


cdef bytes whole(const Element* element):
    cdef bytes out = PyBytes_FromStringAndSize(NULL, 1 + element.value_len)
    cdef uint8_t* target = <uint8_t*>PyBytes_AS_STRING(out)
    target[0] = element.type
    memcpy(target + 1, element.value, element.value_len)
    return out


cdef object decoded(bytes value):
    cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(value)
    return decode_value(data[0], data + 1, <uint32_t>(PyBytes_GET_SIZE(value) - 1))


cdef bytes encoded(value):
    cdef Writer out = Writer()
    out.put_value("", 0, value, 1)
    cdef bytes element = out.finish()
    return element[:1] + element[2:]


def merged(old, new, int sign):
    """Return the smaller (sign -1) or the greater (sign 1) of two values.

    For two documents or two arrays, decide separately for each element.
    """
    if type(old) is dict and type(new) is dict:
        return {
            name: merged(old[name], new[name], sign) if name in old and name in new else (old if name in old else new)[name]
            for name in [*old, *(name for name in new if name not in old)]
        }
    if type(old) is list and type(new) is list:
        longer = old if len(old) > len(new) else new
        return [*(merged(before, after, sign) for before, after in zip(old, new, strict=False)), *longer[min(len(old), len(new)):]]
    return new if compare_values(new, old) * sign > 0 else old


cdef class Bucket:
    """A bucket to which measurements are added.

    Arguments:
        reader: the reader of the collection's measurements.
        identity: the bytes of the bucket's ObjectId.
        meta: the type byte and the bytes of the metadata; empty without metadata.
        start_ms: the start time of the bucket.

    `count`: the number of measurements.
    """

    cdef MeasurementReader reader
    cdef bytes identity
    cdef bytes meta
    cdef list columns
    cdef dict by_name
    cdef int64_t start
    cdef Py_ssize_t size
    cdef readonly Py_ssize_t count

    def __init__(self, MeasurementReader reader not None, bytes identity not None, bytes meta not None, int64_t start_ms):
        self.reader = reader
        self.identity = identity
        self.meta = meta
        self.start = start_ms
        self.columns = []
        self.by_name = {}
        self.count = 0
        self.size = 0

    @classmethod
    def load(cls, MeasurementReader reader not None, bytes document not None):
        """Load a stored bucket.

        Raises:
            CommandError: 238 NotImplemented for a bucket of another version.
        """
        check_version(document)
        cdef const uint8_t* doc = <const uint8_t*>PyBytes_AS_STRING(document)
        cdef Element element
        cdef Bucket bucket = cls.__new__(cls)
        Bucket.__init__(bucket, reader, b"", bucket_meta(document), 0)
        cdef bint found = find_field(doc, "_id", 3, &element)
        assert found and element.type == BSON_OBJECT_ID, "the _id of a bucket is an ObjectId"
        bucket.identity = PyBytes_FromStringAndSize(<const char*>element.value, 12)
        bucket.load_columns(doc)
        return bucket

    def emptied(self):
        """Return an empty bucket with the same id, metadata and start time."""
        return Bucket(self.reader, self.identity, self.meta, self.start)

    cdef int load_columns(self, const uint8_t* doc) except -1:
        cdef Element data
        cdef Element element
        cdef Column column
        cdef const uint8_t* cursor
        if not find_field(doc, "data", 4, &data):
            return 0
        cursor = first_element(data.value)
        while next_element(&cursor, &element):
            if element.type != BSON_DOCUMENT:
                continue
            column = self.column(element.name, element.name_len)
            column.values.put_bytes(element.value + 4, element.value_len - 5)
            if column.name == self.reader.time_field:
                self.count = count_elements(element.value)
        self.size = data.value_len
        self.load_bounds(doc, "min", 3)
        self.load_bounds(doc, "max", 3)
        time = self.by_name.get(self.reader.time_field)
        assert time is not None and (<Column>time).low is not None, "a bucket has a column and bounds of the time"
        self.start = read_int64(<const uint8_t*>PyBytes_AS_STRING((<Column>time).low) + 1)
        return 0

    cdef int load_bounds(self, const uint8_t* doc, const char* name, uint32_t length) except -1:
        """Load the smallest or the greatest values of the columns from `control.min` or `control.max`."""
        cdef Element control
        cdef Element bounds
        cdef Element element
        cdef Column column
        cdef const uint8_t* cursor
        if not find_field(doc, "control", 7, &control) or not find_field(control.value, name, length, &bounds):
            return 0
        cursor = first_element(bounds.value)
        while next_element(&cursor, &element):
            column = self.column(element.name, element.name_len)
            if name[1] == b"i":
                column.low = whole(&element)
            else:
                column.high = whole(&element)
        return 0

    def take(self, list measurements not None, Py_ssize_t position, int64_t span_ms):
        """Add measurements from a position on, as long as they belong to this bucket and fit into it.

        Return the position of the first measurement that was not added.

        Arguments:
            measurements: times and documents, in ascending order of time.
        """
        cdef bytes doc
        cdef int64_t time
        while position < len(measurements):
            time, doc = measurements[position]
            # The difference of the unsigned numbers is right even if that of the signed ones would overflow.
            if time < self.start or <uint64_t>time - <uint64_t>self.start >= <uint64_t>span_ms or not self.has_room(PyBytes_GET_SIZE(doc)):
                break
            self.add(doc)
            position += 1
        return position

    cdef bint has_room(self, Py_ssize_t size):
        if self.count >= MAX_COUNT:
            return False
        return self.size + size <= (MAX_BYTES if self.count >= MIN_COUNT else MAX_LARGE_BYTES)

    @property
    def is_full(self):
        """Return whether the bucket is full."""
        return self.count >= MAX_COUNT or not self.has_room(1)

    cpdef int add(self, bytes doc) except -1:
        """Add a measurement of the bucket's series."""
        cdef char position[24]
        cdef int length = snprintf(position, 24, "%zd", self.count)
        cdef const uint8_t* cursor = first_element(<const uint8_t*>PyBytes_AS_STRING(doc))
        cdef Element element
        cdef Column column
        cdef bytes meta = self.reader.meta_field
        cdef Py_ssize_t expected = 0
        while next_element(&cursor, &element):
            if meta is not None and same_name(meta, &element):
                continue
            # Measurements usually have the same fields in the same order.
            column = <Column>self.columns[expected] if expected < len(self.columns) else None
            if column is None or not same_name(column.name, &element):
                column = self.column(element.name, element.name_len)
            expected += 1
            if self.count == 0 and element.type == BSON_DATE and same_name(self.reader.time_field, &element):
                column.low = b"\x09" + (<const char*>&self.start)[:8]
                column.high = whole(&element)
            column.add(position, length, &element)
        self.count += 1
        self.size += PyBytes_GET_SIZE(doc)
        return 0

    cdef Column column(self, const char* name, uint32_t length):
        cdef bytes key = PyBytes_FromStringAndSize(name, length)
        cdef Column found = self.by_name.get(key)
        if found is None:
            found = Column.__new__(Column)
            found.name = key
            self.by_name[key] = found
            self.columns.append(found)
        return found

    def document(self):
        """Return the bucket as a document for storage."""
        cdef Writer out = Writer()
        cdef size_t top = out.open()
        cdef size_t mark
        cdef Column column
        out.put_name(BSON_OBJECT_ID, "_id", 3)
        out.put_bytes(PyBytes_AS_STRING(self.identity), 12)
        self.put_control(out)
        if self.meta:
            out.put_name(<uint8_t>self.meta[0], "meta", 4)
            out.put_bytes(PyBytes_AS_STRING(self.meta) + 1, PyBytes_GET_SIZE(self.meta) - 1)
        out.put_name(BSON_DOCUMENT, "data", 4)
        cdef size_t data = out.open()
        for column in self.columns:
            out.put_name(BSON_DOCUMENT, PyBytes_AS_STRING(column.name), PyBytes_GET_SIZE(column.name))
            mark = out.open()
            out.put_bytes(column.values.buffer, column.values.size)
            out.close(mark)
        out.close(data)
        out.close(top)
        return out.finish()

    cdef int put_control(self, Writer out) except -1:
        cdef Column column
        cdef bytes bound
        cdef size_t mark
        out.put_name(BSON_DOCUMENT, "control", 7)
        cdef size_t control = out.open()
        out.put_name(BSON_INT, "version", 7)
        out.put_int32(1)
        for name in (b"min", b"max"):
            out.put_name(BSON_DOCUMENT, PyBytes_AS_STRING(name), 3)
            mark = out.open()
            for column in self.columns:
                bound = column.low if name == b"min" else column.high
                out.put_name(<uint8_t>bound[0], PyBytes_AS_STRING(column.name), PyBytes_GET_SIZE(column.name))
                out.put_bytes(PyBytes_AS_STRING(bound) + 1, PyBytes_GET_SIZE(bound) - 1)
            out.close(mark)
        out.put_name(BSON_INT, "count", 5)
        out.put_int32(<int>self.count)
        out.close(control)
        return 0


cdef Py_ssize_t count_elements(const uint8_t* doc) noexcept:
    cdef const uint8_t* cursor = first_element(doc)
    cdef Element element
    cdef Py_ssize_t count = 0
    while next_element(&cursor, &element):
        count += 1
    return count


cdef bint same_name(bytes name, const Element* element) noexcept:
    return PyBytes_GET_SIZE(name) == element.name_len and memcmp(PyBytes_AS_STRING(name), element.name, element.name_len) == 0


def bucket_meta(bytes document not None):
    """Return the type byte and the bytes of a bucket's metadata. The result is empty if the bucket has no metadata."""
    cdef Element element
    if find_field(<const uint8_t*>PyBytes_AS_STRING(document), "meta", 4, &element):
        return whole(&element)
    return b""


def bucket_start(bytes document not None, bytes time_field not None):
    """Return the start time of a bucket in milliseconds, or None if it is absent."""
    cdef Element control
    cdef Element low
    cdef Element time
    if not find_field(<const uint8_t*>PyBytes_AS_STRING(document), "control", 7, &control) or control.type != BSON_DOCUMENT:
        return None
    if not find_field(control.value, "min", 3, &low) or low.type != BSON_DOCUMENT:
        return None
    if not find_field(low.value, PyBytes_AS_STRING(time_field), <uint32_t>PyBytes_GET_SIZE(time_field), &time) or time.type != BSON_DATE:
        return None
    return read_int64(time.value)
