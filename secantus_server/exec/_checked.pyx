# cython: language_level=3
"""Interruption checks for stages that return documents without reading one input document for each of them.

Scans check for interruption themselves. While a stage returns documents from its buffer, or expands one document into many, no scan runs,
so the stage itself must check.
"""

from secantus_server.storage._pauses cimport Pace, look

cdef enum:
    # The number of steps between two clock reads: small at first, then doubled while the steps are fast.
    FIRST_INTERVAL = 8
    LONGEST_INTERVAL = 64


cdef class Checked:
    """An iterator that checks for interruption between another iterator's documents.

    Arguments:
        source: the documents.
        check: called every few documents, more often if they are slow; raises when the operation is interrupted.
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
    """An iterator that checks for interruption between sequences of documents and, in long sequences, also between documents."""

    def __next__(self):
        self.breathe()
        run = next(self.source)
        return run if len(run) <= LONGEST_INTERVAL else Checked(run, self.check)
