# cython: language_level=3
"""Documents that a stage makes of its own, and not one for each that it reads: between them the operation may be interrupted.

A scan asks for itself whether to go on. Behind a stage that has read its whole source, or makes many documents of one, nobody would.
"""

from libc.stdint cimport int64_t

from secantus_server.storage._pauses cimport PAUSE_NS, monotonic_ns, pause_when_due

cdef enum:
    # How many documents go by at most between two checks.
    STEPS = 16


cdef class Checked:
    """An iterator over the documents of another one.

    Arguments:
        source: the documents.
        check: raises when the operation is to end; it is called every few documents, and whenever a millisecond has gone by.
    """

    cdef object source
    cdef object check
    cdef int steps
    cdef int64_t last_pause

    def __init__(self, source, check):
        self.source = iter(source)
        self.check = check

    def __iter__(self):
        return self

    def __next__(self):
        self.steps -= 1
        if self.steps < 0 or monotonic_ns() - self.last_pause > PAUSE_NS:
            self.steps = STEPS - 1
            self.last_pause = pause_when_due(self.last_pause)
            self.check()
        return next(self.source)
