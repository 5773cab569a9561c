# cython: language_level=3, boundscheck=False, wraparound=False
"""The nodes of the comparison, boolean and conditional operators.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#comparison-expression-operators
"""

from secantus_server.mql.expressions._nodes cimport Expression, Operation, is_plain_number, is_true

from secantus_server.bson import compare_values, key_string
from secantus_server.bson.values import MISSING, UNDEFINED
from secantus_server.errors import CommandError

cdef object order_of = compare_values

cdef enum Relation:
    EQ
    NE
    LT
    LTE
    GT
    GTE
    CMP

cdef dict RELATIONS = {"$eq": EQ, "$ne": NE, "$lt": LT, "$lte": LTE, "$gt": GT, "$gte": GTE, "$cmp": CMP}


cdef class Compare(Expression):
    """`$eq`, `$ne`, `$lt`, `$lte`, `$gt`, `$gte`, `$cmp`: compares two values in MongoDB's order over all types.

    Missing is less than every other value.
    """

    cdef readonly str operator
    cdef Relation relation
    cdef Expression first, second
    cdef object collation

    def __init__(self, str operator, Expression first not None, Expression second not None, collation=None):
        self.operator = operator
        self.relation = RELATIONS[operator]
        self.first = first
        self.second = second
        self.collation = collation

    cpdef tuple children(self):
        return (self.first, self.second)

    cpdef object evaluate(self, bytes doc):
        cdef int order = self.compare(self.first.evaluate(doc), self.second.evaluate(doc))
        if self.relation == EQ:
            return order == 0
        if self.relation == NE:
            return order != 0
        if self.relation == LT:
            return order < 0
        if self.relation == LTE:
            return order <= 0
        if self.relation == GT:
            return order > 0
        if self.relation == GTE:
            return order >= 0
        return order

    cdef int compare(self, object a, object b) except -2:
        if is_plain_number(a) and is_plain_number(b):
            return (a > b) - (a < b)
        if self.collation is None:
            # Python compares strings by code points, which is the order of their UTF-8 bytes.
            if type(a) is str and type(b) is str:
                return (a > b) - (a < b)
            return order_of(a, b)
        if a is MISSING or b is MISSING:
            return order_of(a, b)
        a = key_string(a, self.collation)
        b = key_string(b, self.collation)
        return (a > b) - (a < b)


cdef class And(Operation):
    """`$and`: true unless an operand is false. Evaluation stops at the first false operand."""

    cpdef object evaluate(self, bytes doc):
        for operand in self.operands:
            if not is_true((<Expression>operand).evaluate(doc)):
                return False
        return True


cdef class Or(Operation):
    """`$or`: true if an operand is true. Evaluation stops at the first true operand."""

    cpdef object evaluate(self, bytes doc):
        for operand in self.operands:
            if is_true((<Expression>operand).evaluate(doc)):
                return True
        return False


cdef class Not(Expression):
    """`$not`: true if its operand is false, and vice versa."""

    cdef Expression operand

    def __init__(self, Expression operand not None):
        self.operand = operand

    cpdef tuple children(self):
        return (self.operand,)

    cpdef object evaluate(self, bytes doc):
        return not is_true(self.operand.evaluate(doc))


cdef class Cond(Expression):
    """`$cond`: evaluates one of two expressions."""

    cdef Expression condition, then, otherwise

    def __init__(self, Expression condition not None, Expression then not None, Expression otherwise not None):
        self.condition = condition
        self.then = then
        self.otherwise = otherwise

    cpdef tuple children(self):
        return (self.condition, self.then, self.otherwise)

    cpdef object evaluate(self, bytes doc):
        if is_true(self.condition.evaluate(doc)):
            return self.then.evaluate(doc)
        return self.otherwise.evaluate(doc)


cdef class IfNull(Operation):
    """`$ifNull`: the first value that is neither null nor missing, or else the last value."""

    cpdef object evaluate(self, bytes doc):
        cdef object value = None
        for operand in self.operands:
            value = (<Expression>operand).evaluate(doc)
            if value is not None and value is not MISSING and value is not UNDEFINED:
                return value
        return value


cdef class Switch(Expression):
    """`$switch`: the branch of the first true case, or else the default."""

    cdef tuple cases, results
    cdef Expression otherwise

    def __init__(self, cases, results, Expression otherwise):
        self.cases = tuple(cases)
        self.results = tuple(results)
        self.otherwise = otherwise

    cpdef tuple children(self):
        return self.cases + self.results + (() if self.otherwise is None else (self.otherwise,))

    cpdef object evaluate(self, bytes doc):
        cdef Py_ssize_t i
        for i in range(len(self.cases)):
            if is_true((<Expression>self.cases[i]).evaluate(doc)):
                return (<Expression>self.results[i]).evaluate(doc)
        if self.otherwise is None:
            raise CommandError(40066, "$switch could not find a matching branch for an input, and no default was specified.")
        return self.otherwise.evaluate(doc)
