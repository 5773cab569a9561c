# cython: language_level=3, boundscheck=False, wraparound=False
"""`$group`'s kernel. It evaluates the group key of each document, finds the group, and adds the document to the group's accumulators.

Groups are stored in a dict. Two of its keys are equal exactly if the values are equal in MongoDB's order, regardless of their types.
Strings and numbers are used directly as keys, because Python compares int, float and Decimal exactly. Other values are used as key
strings.
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
    """Return a hashable key; two keys are equal if the values are equal in MongoDB's order.

    Arguments:
        value: any value, MISSING included.
        collation: the collation of strings.
    """
    return key_of(value, collation)


cdef class GroupMemory:
    """A counter of the memory that groups use when disk use is not allowed.

    Arguments:
        max_bytes: the memory limit.
    """

    cdef Py_ssize_t used
    cdef Py_ssize_t max_bytes

    def __init__(self, Py_ssize_t max_bytes):
        self.max_bytes = max_bytes

    cpdef int begin(self, object value, list states) except -1:
        """Add the memory of a new group."""
        self.used += size_of(value)
        for state in states:
            self.used += (<State>state).memory()
        return self.check()

    cpdef int feed(self, list states, bytes doc) except -1:
        """Add a document to the states of a group, and add the growth of the states to the memory used."""
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
        expressions: the parts of the group key.
        names: the field names if the group key is an object; None if it is the value of the only expression.
        starts: the functions that create the accumulators' states, one for each accumulator.
        collation: the collation of strings in the group key.
        memory: the counter of the groups' memory; None if disk use is allowed.
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
        # An accumulator's initial state may depend on the group key.
        self.starts = tuple([(start, hasattr(start, "for_group")) for start in starts])
        self.collation = collation
        self.groups = {}
        self.memory = memory

    def consume(self, source):
        """Assign all documents to their groups."""
        cdef bytes doc
        for doc in source:
            if self.names is None:
                self.add_bare(doc)
            else:
                self.add_object(doc)

    def results(self):
        """Yield the key and the list of states of each group, in order of first appearance."""
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
            value = self.group_value(value)
            group = (value, [start.for_group(value) if by_group else start() for start, by_group in self.starts])
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
