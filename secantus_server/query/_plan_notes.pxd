# cython: language_level=3
"""The notes of a command's plans, for other compiled modules: see _plan_notes.pyx."""


# What plans have examined so far, like `plan_notes.Examined`.
cdef struct Seen:
    long long keys, documents, scanned, rejected, ordered


cdef class Further:
    cdef list plans, queries, stages
    cdef Seen seen, before
    cdef bint resumed
    cdef int whole_scans, tailing_scans, sorts

    cdef int fold(self) except -1


cdef class PlanNotes:
    cdef readonly object first, query
    # The kind of the first plan.
    cdef int first_kind
    cdef Further further
    # The counts of the current command at its end, which `count` sets.
    cdef Seen counted

    cdef Further further_plans(self)
    cdef int count_total(self, Seen* total) except -1
    cdef int count_latest(self, Seen* latest) except -1
    cdef dict looked_up(self)
    cdef tuple noted_stages(self)
    cdef tuple slow(self, const Seen* latest)


# The stages of a command that only scans a collection.
cdef tuple WHOLE_SCAN
