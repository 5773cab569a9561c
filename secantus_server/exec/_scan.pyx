# cython: language_level=3, boundscheck=False, wraparound=False
"""The scan loops: over a collection's records, and over the entries of an index.

A scan reads in one recovery unit's transaction at a time. `detach` lets go of it, `attach` goes on in another, past the last entry
seen; so a cursor of the wire protocol holds no transaction between its batches.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t

from secantus_server.index._index cimport Index, read_record_id, record_id_bytes
from secantus_server.mql.match._nodes cimport MatchExpression
from secantus_server.storage._cursor cimport SEEK_PAST, Cursor
from secantus_server.storage._unit cimport RecoveryUnit

from secantus_server.index._index import ident_prefix
from secantus_server.storage.tables import INDEX_ENTRIES, RECORDS

cdef int RECORDS_TABLE = RECORDS
cdef int ENTRIES_TABLE = INDEX_ENTRIES

# After so many entries a scan asks whether to go on, and lets other threads have the interpreter.
cdef enum:
    BREATH = 128


def next_prefix(bytes prefix not None):
    """The least key that does not begin with the prefix, or None if there is none."""
    cdef bytes trimmed = prefix.rstrip(b"\xff")
    cdef Py_ssize_t last = len(trimmed) - 1   # compiled code has no negative indexes
    return trimmed[:last] + bytes([trimmed[last] + 1]) if trimmed else None


cdef class Scan:
    """What both scans share: the position, the counts for explain, and the pauses."""

    cdef public object filter
    cdef MatchExpression matcher
    cdef readonly int64_t record_id
    cdef public long keys_examined
    cdef public long docs_examined
    cdef public long advanced
    cdef readonly bint reverse
    cdef readonly bint finished
    cdef object check
    cdef RecoveryUnit unit
    cdef Cursor cursor
    cdef bytes position
    cdef long steps

    def __init__(self, filter, check, bint reverse):
        self.filter = filter
        self.matcher = filter
        self.check = check
        self.reverse = reverse

    cdef int breathe(self) except -1:
        self.steps += 1
        if self.steps % BREATH == 0:
            with nogil:
                pass
            self.check()
        return 0

    def __iter__(self):
        return self

    def detach(self):
        """Let go of the transaction; `attach` goes on."""
        if self.cursor is not None:
            self.cursor.close()
        self.cursor = None
        self.unit = None

    def close(self):
        """End the scan."""
        self.detach()
        self.finished = True


cdef class RecordScan(Scan):
    """The documents of a collection in natural order, or in reverse, that match.

    Arguments:
        ident: the collection's place in the table of records.
        filter: a match expression, or None for every document.
        check: called regularly; it raises to end the scan.
    """

    cdef bytes prefix
    cdef bytes upper

    def __init__(self, int ident, MatchExpression filter, check, bint reverse=False):
        Scan.__init__(self, filter, check, reverse)
        self.prefix = ident_prefix(ident)
        self.upper = ident_prefix(ident + 1)

    def attach(self, RecoveryUnit unit not None):
        """Read on in this unit's transaction."""
        self.unit = unit
        if self.finished:
            return
        self.cursor = Cursor(unit, RECORDS_TABLE, self.prefix, self.upper, self.reverse)
        if self.position is not None:
            self.cursor.seek(<const uint8_t*>PyBytes_AS_STRING(self.position), PyBytes_GET_SIZE(self.position), SEEK_PAST)

    def start_after(self, int64_t record_id):
        """Begin behind a RecordId; before the first `attach`."""
        self.position = self.prefix + record_id_bytes(record_id)

    cdef int step(self, const uint8_t** value, size_t* size) except -1:
        """Go to the next match: 1, or 0 at the end."""
        cdef const uint8_t* key
        cdef size_t key_size
        cdef int code
        if self.finished:
            return 0
        while True:
            code = self.cursor.next_raw(&key, &key_size, value, size)
            if code:
                self.cursor.fail(code)
                self.finished = True
                return 0
            self.breathe()
            self.docs_examined += 1
            if self.matcher is None or self.matcher.matches_raw(value[0]):
                self.record_id = read_record_id(key + 4)
                self.advanced += 1
                return 1

    def __next__(self):
        cdef const uint8_t* value
        cdef size_t size
        if not self.step(&value, &size):
            raise StopIteration
        return PyBytes_FromStringAndSize(<const char*>value, size)

    def detach(self):
        """Let go of the transaction; `attach` goes on."""
        if self.record_id:
            self.position = self.prefix + record_id_bytes(self.record_id)
        Scan.detach(self)

    def count(self):
        """How many documents match from here on."""
        cdef const uint8_t* value
        cdef size_t size
        cdef long found = 0
        while self.step(&value, &size):
            found += 1
        return found

    def batch(self, list out not None, Py_ssize_t limit, Py_ssize_t max_bytes):
        """Append documents until there are `limit` or their bytes pass `max_bytes`; gives the bytes, -1 at the end.

        At least one document is appended if there is any.
        """
        cdef const uint8_t* value
        cdef size_t size
        cdef Py_ssize_t total = 0
        while len(out) < limit:
            if not self.step(&value, &size):
                return -1
            out.append(PyBytes_FromStringAndSize(<const char*>value, size))
            total += size
            if total >= max_bytes:
                break
        return total


cdef class IndexScan(Scan):
    """The documents, or only the entries, of an index within intervals, in the index's order or in reverse.

    Arguments:
        index: the index.
        intervals: pairs of key strings [low, high), disjoint and in the order of the scan.
        records_ident: the collection's place in the table of records; None leaves the documents alone (`covered` has the values).
        filter: a match expression for the documents, or None.
        check: called regularly; it raises to end the scan.
        dedupe: give each document once, though several of its keys may be met.
    """

    cdef Index index
    cdef list intervals
    cdef Py_ssize_t interval
    cdef bytes records_prefix
    cdef bint fetch
    cdef set seen
    cdef readonly bytes covered
    cdef readonly long seeks
    cdef readonly long duplicates

    def __init__(self, Index index not None, list intervals not None, records_ident, MatchExpression filter, check, bint reverse=False, bint dedupe=False):
        Scan.__init__(self, filter, check, reverse)
        self.index = index
        self.intervals = intervals
        self.fetch = records_ident is not None
        self.records_prefix = ident_prefix(records_ident) if self.fetch else None
        self.seen = set() if dedupe else None

    def attach(self, RecoveryUnit unit not None):
        """Read on in this unit's transaction."""
        self.unit = unit
        if self.finished:
            return
        self.open_interval()
        if self.position is not None and self.cursor is not None:
            self.cursor.seek(<const uint8_t*>PyBytes_AS_STRING(self.position), PyBytes_GET_SIZE(self.position), SEEK_PAST)

    cdef int open_interval(self) except -1:
        if self.cursor is not None:
            self.cursor.close()
            self.cursor = None
        if self.interval >= len(self.intervals):
            self.finished = True
            return 0
        low, high = self.intervals[self.interval]
        self.seeks += 1
        self.cursor = Cursor(self.unit, ENTRIES_TABLE, self.index.prefix + low, self.index.prefix + high, self.reverse)
        return 0

    cdef int step(self, bint keep) except -1:
        """Go to the next entry whose document was not given yet: 1, or 0 at the end."""
        cdef const uint8_t* key
        cdef const uint8_t* value
        cdef size_t key_size
        cdef size_t size
        cdef int code
        while not self.finished:
            code = self.cursor.next_raw(&key, &key_size, &value, &size)
            if code:
                self.cursor.fail(code)
                self.interval += 1
                self.position = None
                self.open_interval()
                continue
            self.breathe()
            self.keys_examined += 1
            if self.index.unique:
                self.record_id = read_record_id(value)
            else:
                self.record_id = read_record_id(key + key_size - 8)
            if keep:
                self.position = PyBytes_FromStringAndSize(<const char*>key, key_size)
            if self.seen is not None:
                if self.record_id in self.seen:
                    self.duplicates += 1
                    continue
                self.seen.add(self.record_id)
            if not self.fetch and keep:
                if self.index.unique:
                    self.covered = PyBytes_FromStringAndSize(<const char*>value + 8, size - 8)
                else:
                    self.covered = PyBytes_FromStringAndSize(<const char*>value, size)
            return 1
        return 0

    def __next__(self):
        """The next document that matches; without documents, the next entry's values."""
        cdef const uint8_t* value
        cdef size_t size
        cdef bytes key
        while self.step(True):
            if not self.fetch:
                self.advanced += 1
                return self.covered
            key = self.records_prefix + record_id_bytes(self.record_id)
            if not self.unit.get_raw(RECORDS_TABLE, <const uint8_t*>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), &value, &size):
                continue
            self.docs_examined += 1
            if self.matcher is None or self.matcher.matches_raw(value):
                self.advanced += 1
                return PyBytes_FromStringAndSize(<const char*>value, size)
        raise StopIteration

    def count(self):
        """How many documents match from here on; looks at no document if there is no filter."""
        cdef const uint8_t* value
        cdef size_t size
        cdef bytes key
        cdef long found = 0
        while self.step(False):
            if self.matcher is not None:
                key = self.records_prefix + record_id_bytes(self.record_id)
                if not self.unit.get_raw(RECORDS_TABLE, <const uint8_t*>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), &value, &size):
                    continue
                self.docs_examined += 1
                if not self.matcher.matches_raw(value):
                    continue
            found += 1
        self.advanced += found
        return found


def fetch(RecoveryUnit unit not None, int ident, int64_t record_id):
    """The document of a RecordId, or None."""
    return unit.get(RECORDS_TABLE, ident_prefix(ident) + record_id_bytes(record_id))


def find_by_key(RecoveryUnit unit not None, Index index not None, bytes key not None, int records_ident):
    """The document that a unique index has under a whole key string, with its RecordId; or None.

    Arguments:
        key: the key string of all the index's fields.
    """
    cdef bytes full = index.prefix + key
    cdef const uint8_t* value
    cdef size_t size
    cdef int64_t record_id
    if not unit.get_raw(ENTRIES_TABLE, <const uint8_t*>PyBytes_AS_STRING(full), PyBytes_GET_SIZE(full), &value, &size):
        return None
    record_id = read_record_id(value)
    doc = fetch(unit, records_ident, record_id)
    return None if doc is None else (record_id, doc)
