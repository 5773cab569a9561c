# cython: language_level=3
"""Documents that a stage makes of its own, and not one for each that it reads: between them the operation may be interrupted.

A scan asks for itself whether to go on. Behind a stage that has read its whole source, or makes many documents of one, nobody would.
"""

from secantus_server.storage._pauses cimport Pace, look

cdef enum:
    # Steps between two looks at the clock: few at first, then ever more, for as long as they do not take long.
    FIRST_INTERVAL = 8
    LONGEST_INTERVAL = 64


cdef class Checked:
    """An iterator over the documents of another one.

    Arguments:
        source: the documents.
        check: called every few documents, and more often while they take long; it raises when the operation is to end.
    """

    cdef object source
    cdef object check
    cdef Pace pace

    def __init__(self, source, check):
        self.source = iter(source)
        self.check = check
        self.pace = Pace(0, FIRST_INTERVAL, 0, 0)

    def __iter__(self):
        return self

    def __next__(self):
        self.breathe()
        return next(self.source)

    cdef int breathe(self) except -1:
        self.pace.due -= 1
        if self.pace.due < 0:
            look(&self.pace, LONGEST_INTERVAL)
            self.check()
        return 0


cdef class CheckedRuns(Checked):
    """The same over sequences of documents, of which the long ones are checked between their documents too."""

    def __next__(self):
        self.breathe()
        run = next(self.source)
        return run if len(run) <= LONGEST_INTERVAL else Checked(run, self.check)
