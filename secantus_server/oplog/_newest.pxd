# The newest times of the oplog, for other compiled modules: see _newest.pyx.

from libc.stdint cimport int64_t, uint64_t

cdef class NewestTimes:
    cdef readonly uint64_t newest_stamp
    cdef readonly uint64_t cluster_stamp
    # The last result of `time_of` and its argument, or None.
    cdef tuple last

    cdef object time_of(self, uint64_t stamp)
    cpdef uint64_t next_stamp(self, int64_t now_ms) except 0
    cdef int publish_stamp(self, uint64_t stamp) noexcept
