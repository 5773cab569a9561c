# cython: language_level=3
"""The scan loops, for other compiled modules."""

from libc.stdint cimport int64_t, uint8_t

from secantus_server.mql.match._nodes cimport MatchExpression
from secantus_server.storage._cursor cimport Cursor
from secantus_server.storage._pauses cimport Pace
from secantus_server.storage._unit cimport RecoveryUnit


cdef class Scan:
    cdef public object filter
    cdef MatchExpression matcher
    cdef readonly int64_t record_id
    cdef public long keys_examined
    cdef public long docs_examined
    cdef public long advanced
    cdef readonly bint reverse
    cdef readonly bint finished
    cdef public object collection
    cdef object check
    cdef RecoveryUnit unit
    cdef Cursor cursor
    cdef bytes position
    # Determines how often the scan reads the clock: more often if the consumer of the documents is slow.
    cdef Pace pace

    cdef int breathe(self) except -1


cdef class RecordScan(Scan):
    cdef bytes prefix
    cdef bytes upper
    cdef int64_t examined_id
    cdef readonly bint tailing
    cdef bint capped

    cdef int step(self, const uint8_t** value, size_t* size) except -1
