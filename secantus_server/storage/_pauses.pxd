# Pauses of long compiled loops, in which other threads have the interpreter.

from libc.stdint cimport int64_t

from secantus_server.system._clock cimport monotonic_ns, timespec

cdef extern from "<time.h>" nogil:
    int nanosleep(const timespec* length, timespec* rest)

cdef enum:
    # How many steps a loop makes between two looks at the clock.
    BREATH = 128
    PAUSE_NS = 1000000


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
