# cython: language_level=3
"""Interruption checks for stages that can return many documents without reading from their input.

Scans check for interruption themselves. While a stage returns documents from its buffer, or expands one document into many, no scan runs,
so the stage itself must check.
"""

from secantus_server.storage._pauses cimport Pace, look

cdef enum:
    # The initial number of steps between two reads of the clock. The number is doubled while the steps are fast.
    FIRST_INTERVAL = 8
    LONGEST_INTERVAL = 64


cdef class Checked:
    """An iterator that returns the documents of another iterator, and checks for interruption between documents.

    Arguments:
        source: the documents.
        check: raises an error when the operation was interrupted. It is called every few documents, more often if documents take long.
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
    """An iterator over sequences of documents that checks for interruption between sequences and, in long sequences, also between
    documents.
    """

    def __next__(self):
        self.breathe()
        run = next(self.source)
        return run if len(run) <= LONGEST_INTERVAL else Checked(run, self.check)
