# cython: language_level=3
"""Documents that a stage makes of its own, and not one for each that it reads: between them the operation may be interrupted.

A scan asks for itself whether to go on. Behind a stage that has read its whole source, or makes many documents of one, nobody would.
"""

from libc.stdint cimport int64_t

from secantus_server.storage._pauses cimport monotonic_ns, pause_when_due

cdef enum:
    # Steps between two looks at the clock: few at first, then ever more, for as long as they do not take long.
    FIRST_INTERVAL = 8
    LONGEST_INTERVAL = 64
    LONG_NS = 10000000


cdef class Checked:
    """An iterator over the documents of another one.

    Arguments:
        source: the documents.
        check: called every few documents, and more often while they take long; it raises when the operation is to end.
    """

    cdef object source
    cdef object check
    cdef long due
    cdef long interval
    cdef int64_t last_look
    cdef int64_t last_pause

    def __init__(self, source, check):
        self.source = iter(source)
        self.check = check
        self.interval = FIRST_INTERVAL

    def __iter__(self):
        return self

    def __next__(self):
        self.due -= 1
        if self.due < 0:
            self.look_up()
        return next(self.source)

    cdef int look_up(self) except -1:
        cdef int64_t now = monotonic_ns()
        if now - self.last_look > LONG_NS and self.last_look:
            self.interval = max(self.interval // 4, 1)
        elif self.interval < LONGEST_INTERVAL:
            self.interval *= 2
        self.due = self.interval
        self.last_look = now
        self.last_pause = pause_when_due(self.last_pause)
        self.check()
        return 0


cdef class CheckedRuns(Checked):
    """The same over sequences of documents, of which the long ones are checked between their documents too."""

    def __next__(self):
        self.due -= 1
        if self.due < 0:
            self.look_up()
        run = next(self.source)
        return run if len(run) <= LONGEST_INTERVAL else Checked(run, self.check)
