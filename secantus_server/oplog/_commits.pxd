# The commits of the oplog, for other compiled modules: see _commits.pyx.

from secantus_server.oplog._newest cimport NewestTimes
from secantus_server.oplog._rows cimport Chain
from secantus_server.oplog._write_signal cimport Claims, WriteSignal
from secantus_server.storage._unit cimport RecoveryUnit

cdef class Commits(NewestTimes):
    cdef readonly WriteSignal signal
    cdef readonly object _lock
    cdef readonly object _clock
    cdef readonly bint _enabled
    # The number of bytes written since the last trim.
    cdef public Py_ssize_t _untrimmed_bytes

    # Like `commit`, without keywords.
    cdef object commit_all(self, RecoveryUnit unit, list entries, writes, Chain chain, written, ended, Claims claims)
    cdef int commit_logged(self, RecoveryUnit unit, list entries, writes, Chain chain, Py_ssize_t count, Claims claims) except -1
    cpdef commit_transaction(self, RecoveryUnit unit, list entries, list writes, bytes lsid, number)
