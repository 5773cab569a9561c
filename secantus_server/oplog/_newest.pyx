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
    def newest(self):
        """The timestamp of the newest entry."""
        return self.time_of(self.newest_stamp)

    @property
    def cluster_time(self):
        """The cluster time."""
        return self.time_of(self.cluster_stamp)

    @property
    def seconds(self):
        """Return the seconds of the cluster time."""
        return <uint32_t>(self.cluster_stamp >> 32)

    @property
    def increment(self):
        """Return the increment of the cluster time."""
        return <uint32_t>self.cluster_stamp

    cdef object time_of(self, uint64_t stamp):
        """Return the timestamp of a time. Commits only store the number, because few of them need the object."""
        cdef tuple last = self.last
        if last is None or <uint64_t>last[0] != stamp:
            last = self.last = stamp, make_timestamp(stamp >> 32, stamp & 0xFFFFFFFF)
        return last[1]

    cpdef uint64_t next_stamp(self, int64_t now_ms) except 0:
        """Return the next timestamp as a 64-bit number.

        Arguments:
            now_ms: the system's time, which a test cannot move.
        """
        cdef int64_t seconds = now_ms // 1000
        cdef uint32_t last = <uint32_t>(self.cluster_stamp >> 32)
        if seconds > last and last < LAST_SECOND:
            return <uint64_t>min(seconds, LAST_SECOND) << 32 | 1
        return self.cluster_stamp + 1

    cdef int publish_stamp(self, uint64_t stamp) noexcept:
        """Set both times to the time of a commit."""
        self.newest_stamp = self.cluster_stamp = stamp
        return 0

    def publish(self, uint32_t seconds, uint32_t increment):
        """Set both times to a time."""
        self.publish_stamp(<uint64_t>seconds << 32 | increment)

    def advance(self, uint64_t stamp):
        """Set the cluster time to a time that a client has sent, unless it is later already."""
        if stamp > self.cluster_stamp:
            self.cluster_stamp = stamp
