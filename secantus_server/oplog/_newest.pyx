# cython: language_level=3
"""The newest times of the oplog. Compiled because every reply contains them, so that the express lane reads them without a call."""

from libc.stdint cimport int64_t, uint32_t

from secantus_server.bson import make_timestamp
from secantus_server.bson.values import MAX_SECONDS

cdef uint32_t LAST_SECOND = MAX_SECONDS


cdef class NewestTimes:
    """The operation time and the cluster time of a server.

    Attributes:
        newest: the timestamp of the newest entry, which is the server's operation time.
        cluster_time: a timestamp that is at least `newest`. It is later if a client has sent a later time.
        newest_stamp, cluster_stamp: the same times as 64-bit numbers.

    Threads: the caller of the methods holds the oplog's lock. All attributes change together, because this code holds the GIL throughout.
    """

    @property
    def seconds(self):
        """Return the seconds of the cluster time."""
        return <uint32_t>(self.cluster_stamp >> 32)

    @property
    def increment(self):
        """Return the increment of the cluster time."""
        return <uint32_t>self.cluster_stamp

    cpdef tuple next_time(self, int64_t now_ms):
        """Return the seconds and the increment of the next timestamp.

        Arguments:
            now_ms: the system's time, which a test cannot move.
        """
        cdef int64_t seconds = now_ms // 1000
        cdef uint32_t last = <uint32_t>(self.cluster_stamp >> 32)
        if seconds > last and last < LAST_SECOND:
            return min(seconds, LAST_SECOND), 1
        return last, (self.cluster_stamp & 0xFFFFFFFF) + 1

    cpdef publish(self, uint32_t seconds, uint32_t increment):
        """Set both times to the time of a commit."""
        time = make_timestamp(seconds, increment)
        self.newest = self.cluster_time = time
        self.newest_stamp = self.cluster_stamp = <uint64_t>seconds << 32 | increment

    def advance(self, uint64_t stamp):
        """Set the cluster time to a time that a client has sent, unless it is later already."""
        if stamp > self.cluster_stamp:
            self.cluster_time = make_timestamp(stamp >> 32, stamp & 0xFFFFFFFF)
            self.cluster_stamp = stamp
