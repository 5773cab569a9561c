# Pauses that let other threads run during long compiled loops, and the adaptive number of loop steps between two clock reads.

from libc.stdint cimport int64_t

from secantus_server.system._clock cimport monotonic_ns, timespec

cdef extern from "<time.h>" nogil:
    int nanosleep(const timespec* length, timespec* rest)

cdef enum:
    # Maximum number of steps between two clock reads.
    BREATH = 128
    PAUSE_NS = 1000000
    # Target for the longest time between two clock reads.
    LONG_NS = 10000000


cdef inline int64_t pause_when_due(int64_t last) noexcept:
    # Pause if a millisecond has passed since the last pause. Return the time of the last pause; the caller passes 0 at the start of a loop.
    # The pause is a sleep of minimal length. Releasing the GIL would not suffice: this thread would take it again before a waiting thread
    # has woken up.
    cdef int64_t now = monotonic_ns()
    cdef timespec shortest
    if last and now - last <= PAUSE_NS:
        return last
    if last:
        shortest.tv_sec = 0
        shortest.tv_nsec = 1
        with nogil:
            nanosleep(&shortest, NULL)
        now = monotonic_ns()
    return now


cdef struct Pace:
    # Steps until the next clock read, and the interval after that.
    long due
    long interval
    int64_t last_look
    int64_t last_pause


cdef inline void look(Pace *pace, long longest) noexcept:
    # Read the clock and pause if due. The interval between clock reads doubles up to `longest`, and shrinks if the steps took long.
    cdef int64_t now = monotonic_ns()
    if now - pace.last_look > LONG_NS and pace.last_look:
        pace.interval = max(pace.interval // 4, 1)
    elif pace.interval < longest:
        pace.interval *= 2
    pace.due = pace.interval
    pace.last_look = now
    pace.last_pause = pause_when_due(pace.last_pause)
