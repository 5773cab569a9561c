# cython: language_level=3, boundscheck=False, wraparound=False
"""`$group`'s kernel. It evaluates the group key of each document, finds the group, and adds the document to the group's accumulators.

Groups are stored in a dict. Two of its keys are equal exactly if the values are equal in MongoDB's order, regardless of their types.
Strings and numbers are used directly as keys, because Python compares int, float and Decimal exactly. Other values are used as key
strings.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport INT32_MAX, INT32_MIN, uint8_t

from secantus_server.bson._codec cimport decode_element
from secantus_server.bson._raw cimport Element, first_element, next_element
from secantus_server.mql.accumulators._states cimport State, size_of
from secantus_server.mql.expressions._nodes cimport Expression
from secantus_server.pipeline.stages._unwind cimport Unwinder

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import decode, encode, key_string
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError

cdef object NO_VALUE = MISSING
cdef object LONG = Int64
cdef object DECIMAL = Decimal128
cdef str NOT_A_NUMBER = "\0NaN"

cdef enum:
    # The number of an array's elements between two interruption checks.
    CHECK_EVERY = 4096


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


cdef object stored(object value):
    """Return a computed value as a later stage reads it from the document in which it is stored."""
    cdef object kind = type(value)
    if kind is str or kind is float or kind is bool or kind is LONG or value is None or value is NO_VALUE:
        return value
    if kind is int and INT32_MIN <= value <= INT32_MAX:
        return value
    return decode(encode({"": value}))[""]


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
    # For `consume_elements` and `consume_values`: for each part of the group key, and each accumulator's argument, the position of its
    # value in the list of known values, or -1 if it must be evaluated.
    cdef tuple key_takes
    cdef tuple state_takes

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

    def consume_elements(self, source, Unwinder unwinder not None, tuple key_takes not None, tuple state_takes not None, check):
        """Assign the documents to which `$unwind` would unwind documents, without building them.

        Arguments:
            source: the documents before `$unwind`.
            unwinder: the kernel of a `$unwind` that adds no index and drops documents without elements.
            key_takes: for each part of the group key, 0 if it is the array's element, or -1 if it does not read the array.
            state_takes: the same for the argument of each accumulator.
            check: raises an error to interrupt the operation.
        """
        cdef bytes doc
        cdef Element array
        self.key_takes = key_takes
        self.state_takes = state_takes
        for doc in source:
            if not unwinder.find(<const uint8_t*>PyBytes_AS_STRING(doc), &array) or array.type == 10 or array.type == 6:
                continue
            if array.type == 4:
                self.add_elements(doc, array.value, check)
            else:
                self.add_values(doc, [decode_element(&array)])

    cdef int add_elements(self, bytes doc, const uint8_t* array, check) except -1:
        cdef Element element
        cdef const uint8_t* cursor = first_element(array)
        cdef int due = CHECK_EVERY
        # Nothing keeps this list, so the elements share it.
        cdef list known = [None]
        while next_element(&cursor, &element):
            known[0] = decode_element(&element)
            self.add_values(doc, known)
            due -= 1
            if due == 0:
                check()
                due = CHECK_EVERY
        return 0

    def consume_values(self, source, tuple expressions not None, tuple key_takes not None, tuple state_takes not None):
        """Assign the documents to which `$project` would project documents, without building them.

        Arguments:
            source: the documents before `$project`.
            expressions: the expressions of the computed fields.
            key_takes: for each part of the group key, the position of its expression, or -1 if it is a constant.
            state_takes: the same for the argument of each accumulator.
        """
        cdef bytes doc
        self.key_takes = key_takes
        self.state_takes = state_takes
        for doc in source:
            self.add_values(doc, [stored((<Expression>expression).evaluate(doc)) for expression in expressions])

    cdef int add_values(self, bytes doc, list known) except -1:
        """Assign a document to a group, given the values of some expressions."""
        cdef list states, values, keys
        cdef Py_ssize_t i, at
        if self.names is None:
            value = self.key_part(0, doc, known)
            if value is NO_VALUE:
                value = None
            states = self.states_of(key_of(value, self.collation), value)
        else:
            values = [self.key_part(i, doc, known) for i in range(len(self.expressions))]
            keys = [key_of(value, self.collation) for value in values]
            states = self.states_of(tuple(keys), values)
        for i in range(len(states)):
            at = self.state_takes[i]
            if at >= 0:
                (<State>states[i]).take(known[at])
            else:
                (<State>states[i]).add(doc)
        return 0

    cdef object key_part(self, Py_ssize_t i, bytes doc, list known):
        """Return the value of a part of the group key."""
        cdef Py_ssize_t at = self.key_takes[i]
        return known[at] if at >= 0 else (<Expression>self.expressions[i]).evaluate(doc)

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
        cdef list states = self.states_of(key, value)
        if self.memory is not None:
            return self.memory.feed(states, doc)
        for state in states:
            (<State>state).add(doc)
        return 0

    cdef list states_of(self, object key, object value):
        """Return the states of a group. Begin the group if it is new."""
        cdef tuple group = <tuple>self.groups.get(key)
        if group is None:
            value = self.group_value(value)
            group = (value, [start.for_group(value) if by_group else start() for start, by_group in self.starts])
            self.groups[key] = group
            if self.memory is not None:
                self.memory.begin(group[0], group[1])
        return <list>group[1]

    cdef object group_value(self, object value):
        if self.names is None:
            return value
        return {name: item for name, item in zip(self.names, value) if item is not NO_VALUE}
