# The commits of the oplog, for other compiled modules: see _commits.pyx.

from libc.stdint cimport int64_t, uint64_t

from secantus_server.bson._codec cimport Writer
from secantus_server.oplog._newest cimport NewestTimes
from secantus_server.oplog._rows cimport Chain
from secantus_server.oplog._write_signal cimport Claims, WriteSignal
from secantus_server.storage._unit cimport RecoveryUnit
from secantus_server.system._clock cimport SystemTime

cdef class Commits(NewestTimes):
    cdef readonly WriteSignal signal
    cdef readonly object _lock
    cdef readonly SystemTime _clock
    cdef readonly bint _enabled
    # The end of the newest interval of times whose writes a restore has undone, as a 64-bit number.
    cdef public uint64_t undone_to
    # The number of bytes written since the last trim.
    cdef public Py_ssize_t _untrimmed_bytes
    # The number of small writes that the express lanes of all connections have begun.
    cdef unsigned int small_writes
    # The buffer of the rows that are written. The lock guards it.
    cdef Writer rows

    cdef int commit_logged(self, RecoveryUnit unit, list entries, writes, Chain chain, Py_ssize_t count) except -1
    # Like `commit`, for at least one change of one collection's documents, without calls of Python functions. Return the timestamp of the
    # last entry as a 64-bit number. `lifetime` is the collection's; `claims` collects the waiting readers that the caller answers if there
    # is only one change.
    cdef uint64_t commit_changes(self, RecoveryUnit unit, bytes identity, list changes, Chain chain, lifetime, Claims claims) except 0
    cpdef commit_transaction(self, RecoveryUnit unit, list entries, list writes, bytes lsid, number)
    cdef Py_ssize_t append(self, RecoveryUnit unit, bytes identity, list changes, uint64_t stamp, int64_t now_ms, Chain chain) except -1
