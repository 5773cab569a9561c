# The newest times of the oplog, for other compiled modules: see _newest.pyx.

from libc.stdint cimport uint64_t

cdef class NewestTimes:
    cdef readonly uint64_t newest_stamp
    cdef readonly uint64_t cluster_stamp
    cdef readonly object newest
    cdef readonly object cluster_time
