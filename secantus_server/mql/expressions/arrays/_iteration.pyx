# cython: language_level=3, boundscheck=False, wraparound=False
"""The nodes of `$filter`, `$map` and `$reduce`. They evaluate an expression for each element of an array."""

from secantus_server.mql.expressions._nodes cimport Expression, is_true

from secantus_server.bson.values import MISSING, UNDEFINED

cdef object NO_VALUE = MISSING
cdef object UNDEFINED_VALUE = UNDEFINED


cdef class Iteration(Expression):
    """Base class of the nodes that iterate over an array.

    Arguments:
        input: the array expression.
        cell: the cell of the variable that is set to the current element.
        body: the expression that is evaluated for each element.
        refuse: raises the operator's error for a value that is not an array.
        index: the cell of the variable that is set to the element's index, or None.
    """

    cdef Expression input, body
    cdef object cell, refuse, index

    def __init__(self, Expression input not None, object cell, Expression body not None, object refuse, object index):
        self.input = input
        self.cell = cell
        self.body = body
        self.refuse = refuse
        self.index = index

    cpdef tuple children(self):
        return (self.input, self.body)

    cdef list elements(self, bytes doc):
        """Return the evaluated array, or None for null."""
        value = self.input.evaluate(doc)
        if type(value) is list:
            return <list>value
        if value is None or value is NO_VALUE or value is UNDEFINED_VALUE:
            return None
        self.refuse(value)


cdef class Filter(Iteration):
    """`$filter`: the elements for which the body is true.

    Arguments:
        limit: the expression of the maximum number of elements, or None.
        count: converts the evaluated limit to a number; -1 means no limit.
    """

    cdef Expression limit
    cdef object count

    def __init__(
        self, Expression input not None, object cell, Expression body not None, object refuse, object index, Expression limit, object count
    ):
        Iteration.__init__(self, input, cell, body, refuse, index)
        self.limit = limit
        self.count = count

    cpdef tuple children(self):
        return (self.input, self.body) if self.limit is None else (self.input, self.body, self.limit)

    cpdef object evaluate(self, bytes doc):
        cdef list items = self.elements(doc)
        cdef list found = []
        cdef Py_ssize_t most = -1
        cdef Py_ssize_t place = 0
        if items is None:
            return None
        if self.limit is not None:
            most = self.count(self.limit.evaluate(doc))
        for item in items:
            self.cell.value = item
            if self.index is not None:
                self.index.value = place
                place += 1
            if is_true(self.body.evaluate(doc)):
                found.append(item)
                if len(found) == most:
                    break
        return found


cdef class Map(Iteration):
    """`$map`: the array of the body's values for the elements. A missing value becomes null."""

    cpdef object evaluate(self, bytes doc):
        cdef list items = self.elements(doc)
        cdef list found = []
        cdef Py_ssize_t place = 0
        if items is None:
            return None
        for item in items:
            self.cell.value = item
            if self.index is not None:
                self.index.value = place
                place += 1
            item = self.body.evaluate(doc)
            found.append(None if item is NO_VALUE else item)
        return found


cdef class Reduce(Iteration):
    """`$reduce`: the body's value for the last element.

    While the body is evaluated for an element, `$$value` is the value that the body had for the previous element.

    Arguments:
        total: the cell of `$$value`.
        initial: the expression for the value of `$$value` at the first element.
    """

    cdef object total
    cdef Expression initial

    def __init__(
        self, Expression input not None, object cell, Expression body not None, object refuse, object index, object total,
        Expression initial not None,
    ):
        Iteration.__init__(self, input, cell, body, refuse, index)
        self.total = total
        self.initial = initial

    cpdef tuple children(self):
        return (self.input, self.body, self.initial)

    cpdef object evaluate(self, bytes doc):
        cdef list items = self.elements(doc)
        cdef Py_ssize_t place = 0
        if items is None:
            return None
        value = self.initial.evaluate(doc)
        for item in items:
            self.total.value = value
            self.cell.value = item
            if self.index is not None:
                self.index.value = place
                place += 1
            value = self.body.evaluate(doc)
        return value
