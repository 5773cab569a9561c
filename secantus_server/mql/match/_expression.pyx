# cython: language_level=3, boundscheck=False, wraparound=False
"""The match nodes of `$expr` and `$sampleRate`: they do not look at a path."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t

from secantus_server.bson._raw cimport document_length
from secantus_server.mql.expressions._nodes cimport Expression, is_true
from secantus_server.mql.match._nodes cimport MatchExpression


cdef class ExprMatch(MatchExpression):
    """`$expr`: an aggregation expression that is true for the document.

    Arguments:
        expression: what to evaluate.
        spec: how the user wrote it.
    """

    cdef readonly Expression expression
    cdef readonly object spec

    def __init__(self, Expression expression not None, spec):
        self.expression = expression
        self.spec = spec

    def serialize(self):
        return {"$expr": self.spec}

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        return is_true(self.expression.evaluate(PyBytes_FromStringAndSize(<const char*>doc, document_length(doc))))


cdef class SampleRate(MatchExpression):
    """`$sampleRate`: true for about this share of the documents.

    Arguments:
        rate: from 0 to 1.
        random: a function that returns a number in [0, 1).
    """

    cdef readonly double rate
    cdef object random

    def __init__(self, double rate, random):
        self.rate = rate
        self.random = random

    def serialize(self):
        return {"$sampleRate": self.rate}

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        return self.random() < self.rate
