# cython: language_level=3, boundscheck=False, wraparound=False, auto_pickle=True
"""The states of the most common accumulators. Each accumulator has one state per group, which is updated with each document.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/group/#accumulator-operator
"""

from secantus_server.bson._codec cimport Writer
from secantus_server.mql.expressions.numbers._arithmetic cimport Sum
from secantus_server.mql.expressions._nodes cimport Computed, Expression, is_plain_number, value_of

from secantus_server.bson import compare_values, key_string
from secantus_server.bson.values import MISSING, UNDEFINED
from secantus_server.errors import CommandError
from secantus_server.mql.expressions._nodes import Constant, FieldPath

cdef object NO_VALUE = MISSING
cdef object order_of = compare_values
cdef object key_of = key_string

# $group reports these errors with other codes than a projection does.
cdef dict GROUP_CODES = {(2, "can't $divide by zero"): 4848401, (16610, "can't $mod by zero"): 4848403, (5733415, "can't $mod by zero"): 4848403}


cdef object renumbered(object error):
    """Return an error with the code that $group uses for it."""
    cdef object code = GROUP_CODES.get((error.code, error.message))
    return error if code is None else CommandError(code, error.message)


cdef enum:
    # Estimated overhead of a value in memory, in bytes.
    VALUE_COST = 16


cpdef Py_ssize_t size_of(object value) except -1:
    """Return the approximate memory size of a value, in bytes."""
    cdef object kind = type(value)
    cdef Py_ssize_t size = VALUE_COST
    if kind is str:
        return size + len(<str>value)
    if kind is dict:
        for name, item in (<dict>value).items():
            size += len(<str>name) + size_of(item)
        return size
    if kind is list:
        for item in <list>value:
            size += size_of(item)
        return size
    return size + len(<bytes>value) if isinstance(value, bytes) else size


def memory_exceeded(str name not None, max_bytes):
    """Return the error for an accumulator that exceeds its memory limit: 146 ExceededMemoryLimit."""
    return CommandError(146, f"{name} used too much memory and cannot spill to disk. Memory limit: {max_bytes} bytes")


cdef class Meter:
    """The approximate memory that the groups of a stage use, in bytes."""


cdef class State:
    """The state of an accumulator in one group.

    A Python subclass defines `take_value` and `result`.
    """

    def __init__(self, Expression expression not None):
        self.expression = expression

    cpdef add(self, bytes doc):
        """Add a document."""
        try:
            value = self.expression.evaluate(doc)
        except CommandError as error:
            raise renumbered(error) from None
        self.take(value)

    cdef int take(self, object value) except -1:
        self.take_value(value)
        return 0

    cdef int take_computed(self, const Computed* value, Writer text) except -1:
        """Add an argument that `Expression.compute` has computed."""
        return self.take(value_of(value, text))

    def take_value(self, value):
        """Add an evaluated argument."""
        self.take(value)

    cpdef object result(self):
        """Return the accumulated value of the documents so far. More documents may be added afterwards."""
        raise NotImplementedError

    cpdef Py_ssize_t memory(self) except -1:
        """Return the approximate memory used, in bytes."""
        return VALUE_COST


cdef class SumState(State):
    """`$sum`: the sum of the numbers. Other values are ignored."""

    cdef Sum sum

    def __init__(self, Expression expression not None):
        State.__init__(self, expression)
        self.sum = Sum()

    cdef int take(self, object value) except -1:
        self.sum.add(value)
        return 0

    cdef int take_computed(self, const Computed* value, Writer text) except -1:
        self.sum.add_computed(value)
        return 0

    cpdef object result(self):
        return self.sum.total()


cdef class AvgState(State):
    """`$avg`: the mean of the numbers, or null if there are none."""

    cdef Sum sum

    def __init__(self, Expression expression not None):
        State.__init__(self, expression)
        self.sum = Sum()

    cdef int take(self, object value) except -1:
        self.sum.add(value)
        return 0

    cdef int take_computed(self, const Computed* value, Writer text) except -1:
        self.sum.add_computed(value)
        return 0

    cpdef object result(self):
        return self.sum.average()


cdef class ExtremeState(State):
    """`$min` (sign -1) and `$max` (sign 1). Null and missing values are ignored."""

    cdef int sign
    cdef object collation
    cdef object best

    def __init__(self, Expression expression not None, int sign, collation=None):
        State.__init__(self, expression)
        self.sign = sign
        self.collation = collation
        self.best = NO_VALUE

    cdef int take(self, object value) except -1:
        if value is None or value is NO_VALUE or value is UNDEFINED:
            return 0
        if self.best is NO_VALUE or self.beats(value):
            self.best = value
        return 0

    cdef bint beats(self, object value) except -1:
        if is_plain_number(value) and is_plain_number(self.best):
            return value > self.best if self.sign > 0 else value < self.best
        if self.collation is None:
            return <int>order_of(value, self.best) * self.sign > 0
        mine, other = key_of(self.best, self.collation), key_of(value, self.collation)
        return other > mine if self.sign > 0 else other < mine

    cpdef object result(self):
        return None if self.best is NO_VALUE else self.best

    cpdef Py_ssize_t memory(self) except -1:
        return size_of(self.best)


cdef class FirstState(State):
    """`$first`: the first document's value. The expression is evaluated for later documents, too, only because it may raise errors."""

    cdef object found
    cdef bint filled
    cdef bint cannot_fail

    def __init__(self, Expression expression not None):
        State.__init__(self, expression)
        self.cannot_fail = isinstance(expression, (FieldPath, Constant))

    cpdef add(self, bytes doc):
        if not (self.filled and self.cannot_fail):
            State.add(self, doc)

    cdef int take(self, object value) except -1:
        if not self.filled:
            self.found = None if value is NO_VALUE else value
            self.filled = True
        return 0

    cdef int take_computed(self, const Computed* value, Writer text) except -1:
        return 0 if self.filled else self.take(value_of(value, text))

    cpdef object result(self):
        return self.found

    cpdef Py_ssize_t memory(self) except -1:
        return size_of(self.found)


cdef class LastState(State):
    """`$last`: the last document's value."""

    cdef object found

    cdef int take(self, object value) except -1:
        self.found = None if value is NO_VALUE else value
        return 0

    cpdef object result(self):
        return self.found

    cpdef Py_ssize_t memory(self) except -1:
        return size_of(self.found)


cdef class GrowingState(State):
    """A state that stores values and never drops any.

    Arguments:
        max_bytes: the memory limit.
    """

    cdef Py_ssize_t used
    cdef Py_ssize_t max_bytes

    def __init__(self, Expression expression not None, Py_ssize_t max_bytes):
        State.__init__(self, expression)
        self.max_bytes = max_bytes

    cdef int grow(self, Py_ssize_t size) except -1:
        self.used += size
        if self.meter is not None:
            # Values need about twice the memory that `size_of` estimates.
            self.meter.used += 2 * size
        return 0

    cpdef Py_ssize_t memory(self) except -1:
        return VALUE_COST + self.used


cdef class PushState(GrowingState):
    """`$push`: all values in document order.

    Arguments:
        max_bytes: the memory limit.
    """

    cdef list values

    def __init__(self, Expression expression not None, Py_ssize_t max_bytes):
        GrowingState.__init__(self, expression, max_bytes)
        self.values = []

    cdef int take(self, object value) except -1:
        if value is not NO_VALUE:
            self.grow(size_of(value))
            if self.used > self.max_bytes:
                raise memory_exceeded("$push", self.max_bytes)
            self.values.append(value)
        return 0

    cpdef object result(self):
        return list(self.values)


cdef class AddToSetState(GrowingState):
    """`$addToSet`: the distinct values, in the order of their first occurrence.

    Arguments:
        collation: the collation for comparing strings.
        max_bytes: the memory limit.
    """

    cdef dict values
    cdef object collation

    def __init__(self, Expression expression not None, collation, Py_ssize_t max_bytes):
        GrowingState.__init__(self, expression, max_bytes)
        self.values = {}
        self.collation = collation

    cdef int take(self, object value) except -1:
        cdef Py_ssize_t known = len(self.values)
        if value is not NO_VALUE:
            self.values.setdefault(key_of(value, self.collation), value)
            if len(self.values) > known:
                self.grow(size_of(value))
                if self.used > self.max_bytes:
                    raise memory_exceeded("$addToSet", self.max_bytes)
        return 0

    cpdef object result(self):
        return list(self.values.values())
