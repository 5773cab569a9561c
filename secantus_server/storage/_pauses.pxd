# Pauses of long compiled loops, in which other threads have the interpreter; and how many steps a loop makes between two looks at the clock.

from libc.stdint cimport int64_t

from secantus_server.system._clock cimport monotonic_ns, timespec

cdef extern from "<time.h>" nogil:
    int nanosleep(const timespec* length, timespec* rest)

cdef enum:
    # How many steps a loop makes at most between two looks at the clock.
    BREATH = 128
    PAUSE_NS = 1000000
    # Between two looks it should not take longer.
    LONG_NS = 10000000


cdef inline int64_t pause_when_due(int64_t last) noexcept:
    # Pauses if a millisecond has gone by since the last pause, and gives the time of that; 0 stands for a loop that begins.
    # The pause is a sleep, if only for the shortest time there is: who merely gives the GIL up has it back before a waiting thread has woken.
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
    # Steps until the next look at the clock, and from that to the one after it.
    long due
    long interval
    int64_t last_look
    int64_t last_pause


cdef inline void look(Pace *pace, long longest) noexcept:
    # Looks at the clock and pauses if that is due. The next look comes after ever more steps, up to `longest`, or fewer if these took long.
    cdef int64_t now = monotonic_ns()
    if now - pace.last_look > LONG_NS and pace.last_look:
        pace.interval = max(pace.interval // 4, 1)
    elif pace.interval < longest:
        pace.interval *= 2
    pace.due = pace.interval
    pace.last_look = now
    pace.last_pause = pause_when_due(pace.last_pause)
