# cython: language_level=3, boundscheck=False, wraparound=False
"""The scan loops over a collection's records and over an index's entries.

A scan reads in the transaction of one recovery unit at a time. `detach` ends reading in that transaction, and `attach` continues in another
one after the last entry that was read. A client's cursor therefore keeps no transaction open between its batches.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t

from secantus_server.bson._codec cimport Writer
from secantus_server.exec._covered cimport EntryShape
from secantus_server.exec._point cimport read_record_after
from secantus_server.index._index cimport Index, read_record_id, record_id_bytes
from secantus_server.mql.match._nodes cimport MatchExpression
from secantus_server.storage._cursor cimport SEEK_PAST, Cursor
from secantus_server.storage._pauses cimport BREATH, Pace, look
from secantus_server.storage._unit cimport RecoveryUnit

from secantus_server.errors import CommandError
from secantus_server.index._index import ident_prefix
from secantus_server.storage.tables import INDEX_ENTRIES, RECORDS

cdef int RECORDS_TABLE = RECORDS
cdef int ENTRIES_TABLE = INDEX_ENTRIES
cdef Py_ssize_t NO_LIMIT = (<size_t>-1) >> 1

cdef enum:
    # The number of steps before a scan first reads the clock. The interval then grows up to BREATH steps.
    FIRST_BREATH = 16


def next_prefix(bytes prefix not None):
    """Return the least key that is greater than all keys with this prefix, or None if no such key exists."""
    cdef bytes trimmed = prefix.rstrip(b"\xff")
    cdef Py_ssize_t last = len(trimmed) - 1   # wraparound=False: no negative indexes
    return trimmed[:last] + bytes([trimmed[last] + 1]) if trimmed else None


cdef class ScopeCheck:
    """The interruption check of a read scope, compiled because scans call it regularly.

    Arguments:
        target: the check of the current operation. A getMore replaces it.
    """

    cdef public object target

    def __init__(self, target):
        self.target = target

    def __call__(self):
        """Raise if the current operation was interrupted.

        Raises:
            CommandError: the errors of `Operation.check`.
        """
        self.target()


cdef class Scan:
    """The base class of both scans, with the scan's position, the counters for explain, and the code that pauses a scan."""

    def __init__(self, filter, check, bint reverse):
        self.filter = filter
        self.matcher = filter
        self.check = check
        self.reverse = reverse
        self.pace = Pace(FIRST_BREATH, FIRST_BREATH, 0, 0)

    cdef int breathe(self) except -1:
        self.pace.due -= 1
        if self.pace.due <= 0:
            look(&self.pace, BREATH)
            if type(self.check) is ScopeCheck:
                (<ScopeCheck>self.check).target()
            else:
                self.check()
        return 0

    def __iter__(self):
        return self

    def detach(self):
        """Detach from the transaction. `attach` continues the scan."""
        if self.cursor is not None:
            self.cursor.close()
        self.cursor = None
        self.unit = None

    def close(self):
        """End the scan."""
        self.detach()
        self.finished = True


cdef class RecordScan(Scan):
    """A scan of a collection's matching documents, in natural order or in reverse.

    Arguments:
        ident: the collection's key prefix in the table of records.
        filter: a match expression, or None for every document.
        check: called regularly; raises an error to interrupt the scan.
        tailing: whether the scan stays open at the last document and continues when more documents exist.
        capped: whether the collection is capped, so that the document at the scan's position may be removed.
    """

    def __init__(self, int ident, MatchExpression filter, check, bint reverse=False, bint tailing=False, bint capped=False):
        Scan.__init__(self, filter, check, reverse)
        self.prefix = ident_prefix(ident)
        self.upper = ident_prefix(ident + 1)
        self.tailing = tailing
        self.capped = capped

    def attach(self, RecoveryUnit unit not None):
        """Continue in this unit's transaction.

        Raises:
            CommandError: 136 CappedPositionLost if the document at the scan's position was removed from a capped collection.
        """
        self.unit = unit
        if self.finished:
            return
        if (self.capped or self.tailing) and self.position is not None and unit.get(RECORDS_TABLE, self.position) is None:
            raise CommandError(
                136, f"CollectionScan died due to position in capped collection being deleted. Last seen record id: RecordId({self.examined_id})"
            )
        self.cursor = Cursor(unit, RECORDS_TABLE, self.prefix, self.upper, self.reverse)
        if self.position is not None:
            self.cursor.seek(<const uint8_t*>PyBytes_AS_STRING(self.position), PyBytes_GET_SIZE(self.position), SEEK_PAST)

    def start_after(self, int64_t record_id):
        """Start after this RecordId. Call this method before the first `attach`."""
        self.position = self.prefix + record_id_bytes(record_id)

    cdef int step(self, const uint8_t** value, size_t* size) except -1:
        """Advance to the next matching document. Return 1, or 0 at the end."""
        cdef const uint8_t* key
        cdef size_t key_size
        cdef int code
        if self.finished:
            return 0
        while True:
            code = self.cursor.next_raw(&key, &key_size, value, size)
            if code:
                self.cursor.fail(code)
                self.finished = not self.tailing
                return 0
            self.breathe()
            self.docs_examined += 1
            self.examined_id = read_record_id(key + 4)
            if self.matcher is None or self.matcher.matches_raw(value[0]):
                self.record_id = self.examined_id
                self.advanced += 1
                return 1

    def remove_end(self):
        """Remove the end of an attached scan that has not begun. Return the RecordId of the last document, or 0 without documents.

        The caller must stop at this document. WiredTiger otherwise compares every key with the end, which takes a tenth of a step's time.
        """
        cdef const uint8_t* key
        cdef const uint8_t* value
        cdef size_t key_size, size
        assert self.matcher is None and not self.reverse and self.position is None
        cdef Cursor last = Cursor(self.unit, RECORDS_TABLE, self.prefix, self.upper, True)
        cdef int code = last.next_raw(&key, &key_size, &value, &size)
        cdef int64_t record_id = 0 if code else read_record_id(key + 4)
        last.fail(code)
        last.close()
        self.cursor.close()
        self.cursor = Cursor(self.unit, RECORDS_TABLE, self.prefix, None, False)
        return record_id

    def __next__(self):
        cdef const uint8_t* value
        cdef size_t size
        if not self.step(&value, &size):
            raise StopIteration
        return PyBytes_FromStringAndSize(<const char*>value, size)

    def detach(self):
        """Detach from the transaction. `attach` continues the scan."""
        if self.examined_id:
            self.position = self.prefix + record_id_bytes(self.examined_id)
        Scan.detach(self)

    def targets(self, list out not None, Py_ssize_t room, Py_ssize_t cost):
        """Append documents to `out`, each as a pair of its RecordId and the document, until they are larger than `room`.

        Return whether the scan has ended.

        Arguments:
            room: the size in bytes.
            cost: the number of bytes that a document takes in addition to its length.
        """
        cdef const uint8_t* value
        cdef size_t size
        while self.step(&value, &size):
            out.append((self.record_id, PyBytes_FromStringAndSize(<const char*>value, size)))
            room -= <Py_ssize_t>size + cost
            if room < 0:
                return False
        return True

    def count(self, Py_ssize_t most=NO_LIMIT):
        """Count the remaining matching documents, but at most `most` of them."""
        cdef const uint8_t* value
        cdef size_t size
        cdef Py_ssize_t found = 0
        while found < most and self.step(&value, &size):
            found += 1
        return found

    def batch(self, list out not None, Py_ssize_t limit, Py_ssize_t max_bytes):
        """Append documents to `out` until there are `limit` of them or their total size exceeds `max_bytes`.

        Return the total size in bytes, or -1 if the scan has ended.

        At least one document is appended if any is left.
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
    """A scan of the documents whose index entries are within intervals, in index order or in reverse.

    Arguments:
        index: the index.
        intervals: disjoint pairs of key strings [low, high), in scan order.
        records_ident: the collection's key prefix in the table of records.
        filter: a match expression for the documents, or None.
        check: called regularly; raises an error to interrupt the scan.
        dedupe: makes the scan return each document only once, even if several of its keys match. It is True, or a set of RecordIds shared
            with other scans.
        covered: builds documents from entries, so that no document is fetched.
        key_filter: a match expression that needs only values in the index. `key_shape` builds the documents to which it is applied.
    """

    cdef Index index
    cdef list intervals
    cdef Py_ssize_t interval
    cdef int records_ident
    # The RecordId of the document that the running call has just read, or -1.
    cdef int64_t last_read
    # The position from which to continue after a pause; empty at the start of an interval.
    cdef Writer last_key
    cdef set seen
    cdef EntryShape covered
    cdef EntryShape key_shape
    cdef MatchExpression key_matcher
    # The document built from the current entry, or None.
    cdef bytes made
    cdef readonly long seeks
    cdef readonly long duplicates

    def __init__(self, Index index not None, list intervals not None, int records_ident, MatchExpression filter, check, bint reverse=False,
                 dedupe=False, EntryShape covered=None, MatchExpression key_filter=None, EntryShape key_shape=None):
        Scan.__init__(self, filter, check, reverse)
        self.index = index
        self.intervals = intervals
        self.records_ident = records_ident
        self.last_read = -1
        self.last_key = Writer.__new__(Writer)
        self.seen = dedupe if type(dedupe) is set else set() if dedupe else None
        self.covered = covered
        self.key_matcher = key_filter
        self.key_shape = key_shape
        assert key_filter is None or key_shape is not None, "a filter of entries needs their shape"

    def attach(self, RecoveryUnit unit not None):
        """Continue in this unit's transaction.

        Raises:
            CommandError: 175 QueryPlanKilled if the index was dropped.
        """
        self.unit = unit
        if self.finished:
            return
        if self.index.dropped:
            raise CommandError(175, f"query plan killed :: index '{self.index.name}' dropped")
        if self.index.multikey and self.seen is None:
            # The index may have become multikey since the query was planned.
            self.seen = set()
        self.open_interval()
        if self.last_key.size and self.cursor is not None:
            self.cursor.seek(self.last_key.buffer, self.last_key.size, SEEK_PAST)

    cdef int open_interval(self) except -1:
        if self.interval >= len(self.intervals):
            if self.cursor is not None:
                self.cursor.close()
                self.cursor = None
            self.finished = True
            return 0
        low, high = self.intervals[self.interval]
        self.seeks += 1
        if self.cursor is None:
            self.cursor = Cursor(self.unit, ENTRIES_TABLE, self.index.prefix + low, self.index.prefix + high, self.reverse)
            return 0
        self.cursor.lower = self.index.prefix + low
        self.cursor.upper = self.index.prefix + high
        return self.cursor.rewind()

    cdef int step(self, bint keep) except -1:
        """Advance to the next entry whose document was not returned yet. Return 1, or 0 at the end.

        Arguments:
            keep: whether to record the position, because the scan may be detached after this entry.
        """
        cdef const uint8_t* key
        cdef const uint8_t* value
        cdef size_t key_size
        cdef size_t size
        cdef int code
        cdef bint unique = self.index.unique
        while not self.finished:
            code = self.cursor.next_raw(&key, &key_size, &value, &size)
            if code:
                self.cursor.fail(code)
                self.interval += 1
                self.last_key.clear()
                self.open_interval()
                continue
            self.breathe()
            self.keys_examined += 1
            self.record_id = read_record_id(value if unique else key + key_size - 8)
            if keep:
                self.last_key.clear()
                self.last_key.put_bytes(key, key_size)
            if self.seen is not None and self.is_duplicate():
                continue
            if unique:
                value += 8
                size -= 8
            if self.key_matcher is not None:
                self.made = self.key_shape.document(value, size)
                if self.made is not None and not self.key_matcher.matches_raw(<const uint8_t*>PyBytes_AS_STRING(self.made)):
                    continue
            if self.covered is not None:
                self.made = self.covered.document(value, size)
            return 1
        return 0

    cdef bint is_duplicate(self) except -1:
        if self.record_id in self.seen:
            self.duplicates += 1
            return True
        self.seen.add(self.record_id)
        return False

    cdef int read(self, const uint8_t** value, size_t* size) except -1:
        """Fetch the current entry's document. Return 1 if the document exists and matches the filters, otherwise 0."""
        cdef int64_t last = self.last_read
        self.last_read = -1
        if not read_record_after(self.unit, self.records_ident, last, self.record_id, value, size):
            return 0
        self.last_read = self.record_id
        self.docs_examined += 1
        if self.matcher is not None and not self.matcher.matches_raw(value[0]):
            return 0
        # If the entry's values did not suffice for the key filter, apply that filter to the stored document.
        return self.key_matcher is None or self.made is not None or self.key_matcher.matches_raw(value[0])

    cdef bytes take(self):
        """Return the next matching document, or None."""
        cdef const uint8_t* value
        cdef size_t size
        while self.step(True):
            if self.covered is not None and self.made is not None:
                self.advanced += 1
                return self.made
            if self.read(&value, &size):
                self.advanced += 1
                return PyBytes_FromStringAndSize(<const char*>value, size)
        return None

    def __next__(self):
        """Return the next matching document."""
        cdef bytes document
        # Between two calls, the unit may have read other documents.
        self.last_read = -1
        document = self.take()
        if document is None:
            raise StopIteration
        return document

    def batch(self, list out not None, Py_ssize_t limit, Py_ssize_t max_bytes):
        """Append documents to `out` until there are `limit` of them or their total size exceeds `max_bytes`.

        Return the total size in bytes, or -1 if the scan has ended.

        At least one document is appended if any is left.
        """
        cdef bytes document
        cdef Py_ssize_t total = 0
        self.last_read = -1
        while len(out) < limit:
            document = self.take()
            if document is None:
                return -1
            out.append(document)
            total += PyBytes_GET_SIZE(document)
            if total >= max_bytes:
                break
        return total

    def count(self, Py_ssize_t most=NO_LIMIT):
        """Count the remaining matching documents, but at most `most` of them.

        Fetch documents only if the index entries do not suffice.
        """
        cdef const uint8_t* value
        cdef size_t size
        cdef Py_ssize_t found = 0
        self.last_read = -1
        while found < most and self.step(False):
            if self.matcher is not None or self.key_matcher is not None and self.made is None:
                if not self.read(&value, &size):
                    continue
            found += 1
        self.advanced += found
        return found
