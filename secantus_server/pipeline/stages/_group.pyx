# cython: language_level=3, boundscheck=False, wraparound=False
"""`$group`'s kernel: evaluates the group's value for each document, finds the group, and feeds its accumulators.

Groups are found in a dict. Its keys are such that values equal in MongoDB's order are equal keys, whatever their type: strings and
numbers are keys themselves (Python compares int, float and Decimal exactly), everything else by its key string.
"""

from secantus_server.mql.accumulators._states cimport State, size_of
from secantus_server.mql.expressions._nodes cimport Expression

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import key_string
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError

cdef object NO_VALUE = MISSING
cdef object LONG = Int64
cdef object DECIMAL = Decimal128
cdef str NOT_A_NUMBER = "\0NaN"


cdef object key_of(object value, object collation):
    cdef object kind = type(value)
    if value is None:
        return None
    if kind is str and collation is None:
        return (value,) if <str>value == NOT_A_NUMBER else value
    if kind is int or kind is LONG:
        return value
    if kind is float:
        return value if value == value else NOT_A_NUMBER
    if kind is DECIMAL:
        value = value.to_decimal()
        return NOT_A_NUMBER if value.is_nan() else value
    return key_string(value, collation)


def group_key(object value, object collation=None):
    """A hashable key; two values have equal keys if they are equal in MongoDB's order.

    Arguments:
        value: any value, MISSING included.
        collation: replaces the order of strings.
    """
    return key_of(value, collation)


cdef class GroupMemory:
    """Counts the memory that groups take where they may not use the disk.

    Arguments:
        max_bytes: the most memory to use.
    """

    cdef Py_ssize_t used
    cdef Py_ssize_t max_bytes

    def __init__(self, Py_ssize_t max_bytes):
        self.max_bytes = max_bytes

    cpdef int begin(self, object value, list states) except -1:
        """Count a new group with this value."""
        self.used += size_of(value)
        for state in states:
            self.used += (<State>state).memory()
        return self.check()

    cpdef int feed(self, list states, bytes doc) except -1:
        """Let the states of a group take a document in, and count what they grow by."""
        for state in states:
            self.used -= (<State>state).memory()
            (<State>state).add(doc)
            self.used += (<State>state).memory()
        return self.check()

    cdef int check(self) except -1:
        if self.used > self.max_bytes:
            raise CommandError(
                292, "Exceeded memory limit for $group, but didn't allow external sort. Pass allowDiskUse:true to opt in."
            )
        return 0


cdef class Grouper:
    """The groups of one run.

    Arguments:
        expressions: what the group's value is made of.
        names: the fields of a group's value that is an object, or None for the bare value of the only expression.
        starts: for each accumulator the function that makes its state.
        collation: of strings in the group's value.
        memory: counts what the groups take, or None where they may use the disk.
    """

    cdef tuple expressions
    cdef tuple names
    cdef tuple starts
    cdef object collation
    cdef dict groups
    cdef GroupMemory memory

    def __init__(self, expressions, names, starts, collation, GroupMemory memory=None):
        self.expressions = tuple(expressions)
        self.names = None if names is None else tuple(names)
        self.starts = tuple(starts)
        self.collation = collation
        self.groups = {}
        self.memory = memory

    def consume(self, source):
        """Put all documents into their groups."""
        cdef bytes doc
        for doc in source:
            if self.names is None:
                self.add_bare(doc)
            else:
                self.add_object(doc)

    def results(self):
        """For each group, in the order of their first documents, its value and the list of its states."""
        return list(self.groups.values())

    cdef int add_bare(self, bytes doc) except -1:
        value = (<Expression>self.expressions[0]).evaluate(doc)
        if value is NO_VALUE:
            value = None
        return self.feed(key_of(value, self.collation), value, doc)

    cdef int add_object(self, bytes doc) except -1:
        cdef list values = []
        cdef list keys = []
        for expression in self.expressions:
            value = (<Expression>expression).evaluate(doc)
            values.append(value)
            keys.append(key_of(value, self.collation))
        return self.feed(tuple(keys), values, doc)

    cdef int feed(self, object key, object value, bytes doc) except -1:
        cdef tuple group = <tuple>self.groups.get(key)
        if group is None:
            group = (self.group_value(value), [start() for start in self.starts])
            self.groups[key] = group
            if self.memory is not None:
                self.memory.begin(group[0], group[1])
        if self.memory is not None:
            return self.memory.feed(group[1], doc)
        for state in <list>group[1]:
            (<State>state).add(doc)
        return 0

    cdef object group_value(self, object value):
        if self.names is None:
            return value
        return {name: item for name, item in zip(self.names, value) if item is not NO_VALUE}
