# cython: language_level=3, boundscheck=False, wraparound=False
"""The match nodes of `$expr`, `$sampleRate`, `$text` and `$where`, which have no path."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t

from secantus_server.bson._raw cimport document_length
from secantus_server.mql.expressions._nodes cimport Expression, is_true
from secantus_server.mql.match._nodes cimport MatchExpression


cdef class ExprMatch(MatchExpression):
    """`$expr`: matches if an aggregation expression is true for the document.

    Arguments:
        expression: the parsed expression.
        spec: the expression as the user wrote it.
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
    """`$sampleRate`: matches a random share of the documents.

    Arguments:
        rate: the share, from 0 to 1.
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


cdef class TextNode(MatchExpression):
    """A node whose result depends on a text search.

    Arguments:
        search: a `TextSearch`.
        spec: the argument of `$text` with all options.
    """

    cdef readonly object search
    cdef readonly dict spec

    def __init__(self, search, dict spec not None):
        self.search = search
        self.spec = spec

    def serialize(self):
        return {"$text": self.spec}


cdef class TextMatch(TextNode):
    """`$text`: matches if the document's texts satisfy the search."""

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        return self.search.matches(PyBytes_FromStringAndSize(<const char*>doc, document_length(doc)))


cdef class TextResidual(TextNode):
    """The part of `$text` that the text index cannot check: phrases, negated words, and comparisons with regard to case or diacritics."""

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        return self.search.accepts(PyBytes_FromStringAndSize(<const char*>doc, document_length(doc)))


cdef class Where(MatchExpression):
    """`$where`: matches if a script is true for the document.

    Arguments:
        predicate: the compiled script, called with the document's bytes.
        code: the script.
    """

    cdef object predicate
    cdef readonly object code

    def __init__(self, predicate, code):
        self.predicate = predicate
        self.code = code

    def serialize(self):
        return {"$where": self.code}

    cdef bint matches_raw(self, const uint8_t* doc) except -1:
        return self.predicate(PyBytes_FromStringAndSize(<const char*>doc, document_length(doc)))
