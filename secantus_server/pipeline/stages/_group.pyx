# cython: language_level=3, boundscheck=False, wraparound=False
"""`$group`'s kernel. It evaluates the group key of each document, finds the group, and adds the document to the group's accumulators.

Groups are stored in a dict by the keys of `_group_keys`.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from secantus_server.bson._codec cimport Writer, decode_stored_element
from secantus_server.bson._raw cimport Element, find_field, first_element, next_element
from secantus_server.bson._types cimport BSON_ARRAY, BSON_NULL, BSON_UNDEFINED
from secantus_server.mql.accumulators._states cimport Meter, State, size_of
from secantus_server.mql.expressions._nodes cimport Computed, Constant, Expression, all_can_compute, value_of
from secantus_server.pipeline.stages._group_keys cimport RawKey, RecentGroups, compute_key, key_of, read_key, stored
from secantus_server.pipeline.stages._unwind cimport Unwinder

from secantus_server.bson import decode, encode
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.expressions._nodes import FieldPath

cdef object NO_VALUE = MISSING

cdef enum:
    # The number of an array's elements between two interruption checks.
    CHECK_EVERY = 4096
    # The number of partitions into which the groups that do not fit into memory are divided, and its logarithm.
    PARTITIONS = 32
    PARTITION_BITS = 5
    # A partition of a partition, and so on, is divided at most this often. Then its groups have equal hashes.
    DEEPEST = 8
    # The memory of a group's place in the table, its tuple and its key, and of one state, in addition to what `memory` returns.
    GROUP_COST = 400
    STATE_COST = 120
    # The maximum number of fields that are computed without Python objects.
    MAX_COMPUTED = 16

cpdef enum:
    # Where the value of a part of the group key, or of an accumulator's argument, comes from if it is not one of the known values.
    EVALUATED = -1
    CONSTANT = -2

cdef Py_ssize_t NO_LIMIT = (<size_t>-1) >> 1


cdef list evaluate_all(tuple expressions, bytes doc):
    return [stored((<Expression>expression).evaluate(doc)) for expression in expressions]


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


@cython.final
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
    cdef readonly dict groups
    cdef GroupMemory memory
    # For each part of the group key, and each accumulator's argument: the position of its value in the list of known values, EVALUATED
    # or CONSTANT. None if no values are known.
    cdef tuple key_takes
    cdef tuple state_takes
    # Recent groups, or None if the group key is not the value of an element of a document.
    cdef RecentGroups recent
    # The memory limit if the disk may be used, and the approximate memory that the groups use.
    cdef Py_ssize_t max_bytes
    cdef Meter meter
    # See `use_disk`.
    cdef tuple growing
    cdef bint replaces
    cdef object make_saver
    cdef object saver
    cdef object metadata
    # The size of the documents that were added to the groups, and the size at which `used` is measured again.
    cdef Py_ssize_t added
    cdef Py_ssize_t due
    # The number of partitions of partitions above this one.
    cdef int level
    # The partitions in files, or None before the groups exceed the limit for the first time; and which partitions are in files.
    cdef readonly object partitions
    cdef bytearray is_aside
    # The position in the input of the first document of the latest group, by which the groups are ordered in the end.
    cdef int64_t sequence
    cdef bint is_new

    def __init__(self, expressions, names, starts, collation, GroupMemory memory=None):
        self.expressions = tuple(expressions)
        self.names = None if names is None else tuple(names)
        # An accumulator's initial state may depend on the group key.
        self.starts = tuple([(start, hasattr(start, "for_group")) for start in starts])
        self.collation = collation
        self.groups = {}
        self.memory = memory
        self.max_bytes = self.due = NO_LIMIT
        self.meter = Meter()

    def use_disk(self, Py_ssize_t max_bytes, tuple growing, bint replaces, make_saver not None, metadata):
        """Limit the memory of the groups. What exceeds it is moved to files.

        Arguments:
            max_bytes: the memory limit.
            growing: the positions of the accumulators whose states may grow with each document, or None if there are none. Their memory
                is counted each time.
            replaces: whether the states of other accumulators may grow, too. Their memory is measured now and then.
            make_saver: returns a `group_spill.Saver`. It is called when the groups exceed the limit for the first time.
            metadata: the metadata of the documents, which files keep for the accumulators, or None if no `$meta` reads it.
        """
        self.max_bytes = max_bytes
        self.growing = growing
        self.replaces = replaces
        self.make_saver = make_saver
        self.metadata = metadata
        self.due = max_bytes if replaces else NO_LIMIT

    def deeper(self):
        """Return an empty table for the groups of one of the partitions."""
        cdef Grouper found = Grouper(self.expressions, self.names, (), self.collation)
        found.starts, found.key_takes, found.state_takes = self.starts, self.key_takes, self.state_takes
        found.use_disk(self.saver.max_bytes, self.growing, self.replaces, self.make_saver, self.metadata)
        found.saver, found.level = self.saver, self.level + 1
        return found

    def consume(self, source, tuple state_takes):
        """Assign all documents to their groups.

        Arguments:
            state_takes: CONSTANT or EVALUATED for the argument of each accumulator; or None if the documents must be added to the
                accumulators, and not values.
        """
        cdef bytes doc
        cdef list known = None if state_takes is None else []
        self.state_takes = state_takes
        if self.names is not None:
            for doc in source:
                self.add_object(doc, known)
        elif type(self.expressions[0]) is FieldPath and "." not in self.expressions[0].path:
            self.recent = RecentGroups()
            self.consume_fields(source, self.expressions[0].path.encode("utf-8", "surrogateescape"), known)
        else:
            for doc in source:
                self.add_bare(doc, known)

    cdef int consume_fields(self, source, bytes name, list known) except -1:
        """Assign documents to the groups whose keys are the values of one of their fields."""
        cdef bytes doc
        cdef Element field
        for doc in source:
            if find_field(<const uint8_t*>PyBytes_AS_STRING(doc), PyBytes_AS_STRING(name), <uint32_t>PyBytes_GET_SIZE(name), &field):
                self.add_element(doc, &field, known, False)
            else:
                self.feed(None, None, doc, known)
        return 0

    def consume_elements(self, source, Unwinder unwinder not None, tuple key_takes not None, tuple state_takes not None, check):
        """Assign the documents to which `$unwind` would unwind documents, without building them.

        Arguments:
            source: the documents before `$unwind`.
            unwinder: the kernel of a `$unwind` that adds no index and drops documents without elements.
            key_takes: for each part of the group key, 0 if it is the array's element, or EVALUATED or CONSTANT.
            state_takes: the same for the argument of each accumulator.
            check: raises an error to interrupt the operation.
        """
        cdef bytes doc
        cdef Element array
        # Nothing keeps this list, so the elements share it.
        cdef list known = [None]
        cdef bint taken = 0 in state_takes
        self.key_takes = key_takes
        self.state_takes = state_takes
        if self.names is None and key_takes[0] == 0:
            self.recent = RecentGroups()
        for doc in source:
            if not unwinder.find(<const uint8_t*>PyBytes_AS_STRING(doc), &array) or array.type == BSON_NULL or array.type == BSON_UNDEFINED:
                continue
            if array.type == BSON_ARRAY:
                self.add_elements(doc, array.value, known, taken, check)
            else:
                self.add_values(doc, [decode_stored_element(&array)])

    cdef int add_elements(self, bytes doc, const uint8_t* array, list known, bint taken, check) except -1:
        cdef Element element
        cdef const uint8_t* cursor = first_element(array)
        cdef int due = CHECK_EVERY
        while next_element(&cursor, &element):
            if self.recent is not None:
                self.add_element(doc, &element, known, taken)
            else:
                known[0] = decode_stored_element(&element)
                self.add_values(doc, known)
            due -= 1
            if due == 0:
                check()
                due = CHECK_EVERY
        return 0

    cdef int add_element(self, bytes doc, const Element* element, list known, bint taken) except -1:
        """Assign a document to the group whose key is the value of an element.

        Arguments:
            known: the known values. If there are any, the first one becomes the value of the element.
            taken: whether an accumulator takes this value.
        """
        cdef RawKey raw
        cdef list states
        cdef bint is_short = read_key(&raw, element)
        if is_short:
            states = self.recent.find(&raw)
            if states is not None:
                if taken:
                    known[0] = decode_stored_element(element)
                return self.give(states, None, doc, known)
        value = decode_stored_element(element)
        if known:
            known[0] = value
        key = key_of(value, self.collation)
        self.feed(key, value, doc, known)
        group = <tuple>self.groups.get(key)
        if is_short and group is not None:
            self.recent.keep(&raw, <list>group[1])
        return 0

    def consume_values(self, source, tuple expressions not None, tuple key_takes not None, tuple state_takes not None):
        """Assign the documents to which `$project` would project documents, without building them.

        Arguments:
            source: the documents before `$project`.
            expressions: the expressions of the computed fields.
            key_takes: for each part of the group key, the position of its expression, or CONSTANT.
            state_takes: the same for the argument of each accumulator.
        """
        cdef bytes doc
        self.key_takes = key_takes
        self.state_takes = state_takes
        if self.names is None and self.growing is None and len(expressions) <= MAX_COMPUTED and all_can_compute(expressions):
            self.recent = RecentGroups()
            self.compute_values(source, expressions)
            return
        for doc in source:
            self.add_values(doc, evaluate_all(expressions, doc))

    cdef int compute_values(self, source, tuple expressions) except -1:
        """Assign documents to their groups, given expressions that can be computed without Python objects for most documents."""
        cdef bytes doc
        cdef Computed[MAX_COMPUTED] values
        cdef Writer text = Writer.__new__(Writer)
        cdef Py_ssize_t i, count = len(expressions)
        for doc in source:
            text.clear()
            for i in range(count):
                if not (<Expression>expressions[i]).compute(<const uint8_t*>PyBytes_AS_STRING(doc), text, &values[i]):
                    self.add_values(doc, evaluate_all(expressions, doc))
                    break
            else:
                self.add_computed(doc, values, count, text)
        return 0

    cdef int add_computed(self, bytes doc, const Computed* values, Py_ssize_t count, Writer text) except -1:
        """Assign a document to a group, given all values."""
        cdef RawKey raw
        cdef Py_ssize_t i, at = self.key_takes[0]
        cdef State state
        cdef list known, states = None
        cdef bint is_short = compute_key(&raw, &values[at] if at >= 0 else NULL, text)
        if is_short:
            states = self.recent.find(&raw)
        if states is None:
            known = [value_of(&values[i], text) for i in range(count)]
            self.add_values(doc, known)
            return self.keep_recent(&raw, self.key_part(0, doc, known)) if is_short else 0
        for i in range(len(states)):
            at = self.state_takes[i]
            state = <State>states[i]
            if at >= 0:
                state.take_computed(&values[at], text)
            else:
                state.take((<Constant>state.expression).value)
        return self.settle(states, None, doc)

    cdef int keep_recent(self, const RawKey* raw, object value) except -1:
        """Note the group of a value of the group key, unless its partition is in a file."""
        group = <tuple>self.groups.get(key_of(None if value is NO_VALUE else value, self.collation))
        return 0 if group is None else self.recent.keep(raw, <list>group[1])

    cdef int add_values(self, bytes doc, list known) except -1:
        """Assign a document to a group, given the values of some expressions."""
        cdef list values, keys
        if self.names is None:
            value = self.key_part(0, doc, known)
            if value is NO_VALUE:
                value = None
            return self.feed(key_of(value, self.collation), value, doc, known)
        values = [self.key_part(i, doc, known) for i in range(len(self.expressions))]
        keys = [key_of(value, self.collation) for value in values]
        return self.feed(tuple(keys), values, doc, known)

    cdef object key_part(self, Py_ssize_t i, bytes doc, list known):
        """Return the value of a part of the group key."""
        cdef Py_ssize_t at = self.key_takes[i]
        return known[at] if at >= 0 else (<Expression>self.expressions[i]).evaluate(doc)

    def results(self):
        """Return the key, the list of states and the position of each group, in order of first appearance."""
        return list(self.groups.values())

    def replay(self, bytes saved not None, bytes doc not None, int64_t sequence):
        """Add a row of a partition: a group, or a document with the values that were known when it was put aside.

        Arguments:
            saved: the saved group, or the values.
            doc: the document; empty for a group.
            sequence: the position of the row in the input.
        """
        cdef list values, known
        self.sequence = sequence - 1
        if not doc:
            key, value, states = self.saver.restore(saved)
            self.sequence = sequence
            self.groups[key] = (value, states, sequence)
            for state in <list>states:
                (<State>state).meter = self.meter
            self.meter.used += self.cost(value, states)
            if self.meter.used > self.max_bytes:
                self.put_groups_aside()
            return
        found = decode(saved)
        values = [found.get(f"k{i}", NO_VALUE) for i in range(len(self.expressions))]
        known = None
        if self.state_takes is not None:
            known = [found.get(f"v{i}", NO_VALUE) for i in range(found["n"])]
        if self.metadata is not None:
            self.metadata.values = found["m"]
        if self.names is None:
            self.feed(key_of(values[0], self.collation), values[0], doc, known)
        else:
            self.feed(tuple([key_of(value, self.collation) for value in values]), values, doc, known)

    cdef int add_bare(self, bytes doc, list known) except -1:
        value = (<Expression>self.expressions[0]).evaluate(doc)
        if value is NO_VALUE:
            value = None
        return self.feed(key_of(value, self.collation), value, doc, known)

    cdef int add_object(self, bytes doc, list known) except -1:
        cdef list values = []
        cdef list keys = []
        for expression in self.expressions:
            value = (<Expression>expression).evaluate(doc)
            values.append(value)
            keys.append(key_of(value, self.collation))
        return self.feed(tuple(keys), values, doc, known)

    cdef int feed(self, object key, object value, bytes doc, list known) except -1:
        """Add a document to its group, given the values of some expressions or None."""
        cdef list states = self.states_of(key, value)
        if states is None:
            return self.put_document_aside(key, value, doc, known)
        return self.give(states, value, doc, known)

    cdef int give(self, list states, object value, bytes doc, list known) except -1:
        """Add a document to the states of its group. `value` is the group key, which is only needed if the group is new."""
        if self.memory is not None:
            return self.memory.feed(states, doc)
        if self.growing is not None:
            self.add_measured(states, doc, known)
        elif known is None:
            for state in states:
                (<State>state).add(doc)
        else:
            self.add_known(states, doc, known)
        return self.settle(states, value, doc)

    cdef int settle(self, list states, object value, bytes doc) except -1:
        """Count the memory of a document that was added to the states of its group."""
        if self.is_new:
            # What the states have added to the meter themselves is counted twice for the first document, which is little.
            self.is_new = False
            self.meter.used += self.cost(value, states)
        self.added += PyBytes_GET_SIZE(doc)
        if self.added > self.due:
            self.measure()
        if self.meter.used > self.max_bytes:
            return self.put_groups_aside()
        return 0

    cdef int add_measured(self, list states, bytes doc, list known) except -1:
        """Add a document, and add the growth of the states to the memory that is used."""
        cdef Py_ssize_t before = 0 if self.is_new else self.grown(states)
        self.add_known(states, doc, known)
        if not self.is_new:
            self.meter.used += self.grown(states) - before
        return 0

    cdef int add_known(self, list states, bytes doc, list known) except -1:
        cdef Py_ssize_t i, at
        cdef State state
        if known is None:
            for state in states:
                (<State>state).add(doc)
            return 0
        for i in range(len(states)):
            at = self.state_takes[i]
            state = <State>states[i]
            if at >= 0:
                state.take(known[at])
            elif at == CONSTANT:
                state.take((<Constant>state.expression).value)
            else:
                state.add(doc)
        return 0

    cdef list states_of(self, object key, object value):
        """Return the states of a group. Begin the group if it is new. Return None if its partition is in a file."""
        cdef tuple group = <tuple>self.groups.get(key)
        if group is None:
            self.sequence += 1
            if self.is_aside is not None and self.is_aside[self.partition(key)]:
                return None
            value = self.group_value(value)
            group = (value, [start.for_group(value) if by_group else start() for start, by_group in self.starts], self.sequence)
            self.groups[key] = group
            self.is_new = True
            for state in <list>group[1]:
                (<State>state).meter = self.meter
            if self.memory is not None:
                self.memory.begin(group[0], group[1])
        return <list>group[1]

    cdef Py_ssize_t grown(self, list states) except -1:
        """Return the approximate memory of the states that may grow with each document."""
        cdef Py_ssize_t size = 0
        for position in self.growing:
            # Values need about twice the memory that `size_of` estimates.
            size += 2 * (<State>states[<Py_ssize_t>position]).memory()
        return size

    cdef Py_ssize_t cost(self, object value, list states) except -1:
        """Return the approximate memory of a group."""
        cdef Py_ssize_t size = GROUP_COST + 2 * size_of(value)
        for state in states:
            size += STATE_COST + 2 * (<State>state).memory()
        return size

    cdef int measure(self) except -1:
        """Measure the memory of the groups. The less is left, the sooner it is measured again."""
        self.meter.used = 0
        for value, states, _ in self.groups.values():
            self.meter.used += self.cost(value, states)
        self.due = self.added + max(self.max_bytes - self.meter.used, self.max_bytes // 16)
        return 0

    cdef int partition(self, object key) except -1:
        """Return the number of a group's partition. Each level uses other bits of the hash."""
        return ((<uint64_t>hash(key) * <uint64_t>0x9E3779B97F4A7C15) >> (64 - PARTITION_BITS * (self.level + 1))) & (PARTITIONS - 1)

    cdef int put_document_aside(self, object key, object value, bytes doc, list known) except -1:
        """Write a document of a partition that is in a file, with the values that are known."""
        cdef list values = [value] if self.names is None else value
        cdef dict saved = {f"k{i}": item for i, item in enumerate(values) if item is not NO_VALUE}
        if known is not None:
            saved["n"] = len(known)
            saved.update({f"v{i}": item for i, item in enumerate(known) if item is not NO_VALUE})
        if self.metadata is not None:
            saved["m"] = {name: item for name, item in self.metadata.values.items() if item is not NO_VALUE}
        self.partitions.put(self.partition(key), encode(saved), doc, self.sequence)
        return 0

    cdef int put_groups_aside(self) except -1:
        """Move the largest partitions to files until the groups use at most half of the memory limit.

        Do nothing but raise the limit if there is only one group: its documents could not be divided.
        """
        cdef list sizes = [0] * PARTITIONS
        cdef Py_ssize_t left = 0, size
        cdef dict kept = {}
        if len(self.groups) < 2 or self.level == DEEPEST:
            self.max_bytes = 2 * self.meter.used
            return 0
        for key, (value, states, _) in self.groups.items():
            size = self.cost(value, states)
            sizes[self.partition(key)] += size
            left += size
        if left <= self.max_bytes:
            self.meter.used = left
            return 0
        if self.partitions is None:
            self.saver = self.saver or self.make_saver()
            self.partitions, self.is_aside = self.saver.partitions(), bytearray(PARTITIONS)
        for number in sorted(range(PARTITIONS), key=sizes.__getitem__, reverse=True):
            if left <= self.max_bytes // 2 or not sizes[number]:
                break
            self.is_aside[number] = True
            left -= sizes[number]
        self.partitions.begin()
        for key, group in self.groups.items():
            if self.is_aside[self.partition(key)]:
                self.partitions.keep(self.partition(key), key, *group)
            else:
                kept[key] = group
        self.groups, self.meter.used = kept, left
        if self.recent is not None:
            self.recent = RecentGroups()
        return 0

    cdef object group_value(self, object value):
        if self.names is None:
            return value
        return {name: item for name, item in zip(self.names, value) if item is not NO_VALUE}
