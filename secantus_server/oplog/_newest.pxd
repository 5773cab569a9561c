# The newest times of the oplog, for other compiled modules: see _newest.pyx.

from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef class NewestTimes:
    cdef readonly uint64_t newest_stamp
    cdef readonly uint64_t cluster_stamp
    cdef readonly object newest
    cdef readonly object cluster_time

    cpdef tuple next_time(self, int64_t now_ms)
    cpdef publish(self, uint32_t seconds, uint32_t increment)
