# cython: language_level=3, boundscheck=False, wraparound=False
"""Generates the keys that a document has for a key pattern. An index stores them, and a sort compares them.

An array on the path produces one key per element. Fields that go through the same array take their values from the same element. A missing
field counts as null, and an empty array as undefined. Two fields cannot go through different arrays.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, strchr, strlen

from secantus_server.bson._codec cimport Writer, decode_element
from secantus_server.bson._keystring cimport extend, invert, put_empty_array_key, put_key, put_null_key
from secantus_server.bson._raw cimport Element, find_field, first_element, next_element
from secantus_server.bson._types cimport BSON_ARRAY, BSON_DOCUMENT

from secantus_server.bson.values import UNDEFINED
from secantus_server.errors import CommandError

cdef bint is_array_index(const char* component, size_t length, uint32_t* index) noexcept nogil:
    cdef size_t i
    cdef uint32_t n = 0
    if length == 0 or length > 9 or (length > 1 and component[0] == 48):
        return False
    for i in range(length):
        if component[i] < 48 or component[i] > 57:
            return False
        n = n * 10 + <uint32_t>(component[i] - 48)
    index[0] = n
    return True


cdef bint array_element(const uint8_t* array, uint32_t index, Element* out) noexcept nogil:
    cdef const uint8_t* cursor = first_element(array)
    while next_element(&cursor, out):
        if index == 0:
            return True
        index -= 1
    return False


cdef bint names_a_field(const uint8_t* array, const char* name, uint32_t name_len) noexcept nogil:
    """Return whether any document in an array has a field with this name."""
    cdef Element element
    cdef Element field
    cdef const uint8_t* cursor = first_element(array)
    while next_element(&cursor, &element):
        if element.type == BSON_DOCUMENT and find_field(element.value, name, name_len, &field):
            return True
    return False


cdef inline const char* split_component(const char* path, size_t* length) noexcept nogil:
    """Store the length of the first component of a path in `length`. Return the rest of the path after the dot, or NULL."""
    cdef const char* dot = strchr(path, 46)
    if dot == NULL:
        length[0] = strlen(path)
        return NULL
    length[0] = dot - path
    return dot + 1


cdef void look_up(Slot* slot) noexcept nogil:
    """Follow the path of a slot until it ends, a field is missing, or it meets an array."""
    cdef const char* component
    cdef size_t length
    cdef uint32_t index
    cdef const uint8_t* array
    cdef Element element
    while True:
        component = slot.rest
        slot.rest = split_component(component, &length)
        if not find_field(slot.doc, component, <uint32_t>length, &element):
            slot.kind = ABSENT
            return
        while element.type == BSON_ARRAY and slot.rest != NULL:
            # A numeric component selects one element, if the array has an element with this index. The array is then not expanded.
            component = slot.rest
            split_component(component, &length)
            array = element.value
            if not is_array_index(component, length, &index) or not array_element(array, index, &element):
                break
            if names_a_field(array, component, <uint32_t>length):
                slot.kind = AMBIGUOUS
                return
            slot.rest = split_component(component, &length)
        if element.type == BSON_ARRAY:
            slot.kind = ARRAY
            slot.array = element.value
            return
        if slot.rest == NULL:
            slot.kind = VALUE
            slot.value = element
            return
        if element.type != BSON_DOCUMENT:
            slot.kind = ABSENT
            return
        slot.doc = element.value


cdef class Generation:
    """Generates the keys of one document, and holds the state of the generation."""

    cdef int expand(self, Slot* slots) except -1:
        cdef int i
        cdef const uint8_t* array = NULL
        for i in range(self.generator.fields):
            if slots[i].kind == PENDING:
                look_up(&slots[i])
            if slots[i].kind == AMBIGUOUS:
                self.ambiguous(i)
            if slots[i].kind == ARRAY:
                if array != NULL and slots[i].array != array:
                    self.parallel(slots, i)
                array = slots[i].array
        if array == NULL:
            return self.emit(slots)
        self.multikey = True
        return self.expand_array(slots, array)

    cdef int expand_array(self, Slot* slots, const uint8_t* array) except -1:
        cdef Slot[32] inner
        cdef Element element
        cdef const uint8_t* cursor = first_element(array)
        cdef bint some = False
        cdef int i
        while next_element(&cursor, &element):
            some = True
            memcpy(inner, slots, sizeof(Slot) * self.generator.fields)
            for i in range(self.generator.fields):
                if inner[i].kind == ARRAY:
                    enter(&inner[i], &element)
            self.expand(inner)
        if some:
            return 0
        memcpy(inner, slots, sizeof(Slot) * self.generator.fields)
        for i in range(self.generator.fields):
            if inner[i].kind == ARRAY:
                inner[i].kind = EMPTY if inner[i].rest == NULL else ABSENT
        return self.emit(inner)

    cdef int ambiguous(self, int field) except -1:
        raise CommandError(
            16746,
            "Ambiguous field name found in array (do not use numeric field names in embedded elements in an array), "
            f"path: '{self.generator.paths[field]}'",
        )

    cdef int parallel(self, Slot* slots, int second) except -1:
        cdef int first = 0
        while slots[first].kind != ARRAY:
            first += 1
        paths = self.generator.paths
        if self.keys is None:
            raise CommandError(2, "cannot sort with keys that are parallel arrays")
        raise CommandError(171, f"cannot index parallel arrays [{paths[second].rpartition('.')[2]}] [{paths[first].rpartition('.')[2]}]")

    cdef int emit(self, Slot* slots) except -1:
        cdef bint absent
        cdef bytes key
        self.out.clear()
        absent = put_slots(self.generator, slots, self.out)
        self.all_absent = self.all_absent and absent
        key = self.out.finish()
        if self.keys is not None:
            self.keys.append(key)
            if not self.multikey:
                self.out.clear()
                put_values(self.generator, slots, self.out)
                self.covered = self.out.finish()
        elif self.smallest is None or key < self.smallest:
            self.smallest = key
        return 0


cdef class KeySearch(Generation):
    """Finds the values from which the wanted key of a document is generated, or those of its first key if `wanted` is None."""

    cdef bytes wanted
    cdef list values

    cdef int emit(self, Slot* slots) except -1:
        cdef int i
        if self.values is not None:
            return 0
        self.out.clear()
        put_slots(self.generator, slots, self.out)
        if self.wanted is None or self.out.finish() == self.wanted:
            self.values = []
            for i in range(self.generator.fields):
                self.values.append(slot_value(&slots[i]))
        return 0


cdef object slot_value(const Slot* slot):
    if slot.kind == VALUE:
        return decode_element(&slot.value)
    return None if slot.kind == ABSENT else UNDEFINED


cdef bint put_slots(KeyGenerator generator, const Slot* slots, Writer out) except -1:
    """Write the key of the values in the slots, none of which may contain an unexpanded array. Return whether all fields are absent."""
    cdef size_t start
    cdef int i
    cdef bint all_absent = True
    for i in range(generator.fields):
        start = out.size
        if slots[i].kind == VALUE:
            put_key(out, slots[i].value.type, slots[i].value.value, generator.collation)
        elif slots[i].kind == ABSENT:
            put_null_key(out)
        else:
            put_empty_array_key(out)
        if slots[i].kind != ABSENT:
            all_absent = False
        if generator.signs[i] < 0:
            invert(out, start)
    return all_absent


cdef int put_values(KeyGenerator generator, const Slot* slots, Writer out) except -1:
    """Write a type byte and the value of each field. For an absent field, write a single 0 byte."""
    cdef uint8_t* data
    cdef int i
    for i in range(generator.fields):
        if slots[i].kind == VALUE:
            data = extend(out, 1 + slots[i].value.value_len)
            data[0] = slots[i].value.type
            memcpy(data + 1, slots[i].value.value, slots[i].value.value_len)
        else:
            extend(out, 1)[0] = 0
    return 0


cdef int look_up_all(KeyGenerator generator, const uint8_t* doc, Slot* slots) except -1:
    """Look up the values of the fields in a document that has only one key. Return 0 if an array on a path may produce several keys."""
    cdef int i
    for i in range(generator.fields):
        slots[i].doc = doc
        slots[i].rest = generator.names[i]
        look_up(&slots[i])
        if slots[i].kind != VALUE and slots[i].kind != ABSENT:
            return 0
    return 1


cdef void enter(Slot* slot, const Element* element) noexcept nogil:
    """Replace the array in a slot with one of its elements."""
    if slot.rest == NULL:
        slot.kind = VALUE
        slot.value = element[0]
    elif element.type == BSON_DOCUMENT:
        slot.kind = PENDING
        slot.doc = element.value
    else:
        slot.kind = ABSENT


cdef Generation generate(KeyGenerator generator, const uint8_t* doc, list keys):
    cdef Generation run = Generation.__new__(Generation)
    run.keys = keys
    generate_into(run, generator, doc)
    return run


cdef int generate_into(Generation run, KeyGenerator generator, const uint8_t* doc) except -1:
    cdef Slot[32] slots
    cdef int i
    run.generator = generator
    run.all_absent = True
    if run.out is None:
        run.out = Writer.__new__(Writer)
    for i in range(generator.fields):
        slots[i].kind = PENDING
        slots[i].doc = doc
        slots[i].rest = generator.names[i]
    return run.expand(slots)


cdef class KeyGenerator:
    """Generates the keys of documents for one key pattern.

    Arguments:
        pattern: at most 32 pairs of a dotted path and a direction (1 or -1).
        collation: defines the order of strings.
    """

    def __init__(self, pattern, collation=None):
        cdef int i
        self.paths = tuple(path for path, _ in pattern)
        self.directions = tuple(direction for _, direction in pattern)
        self.encoded_paths = tuple(path.encode("utf-8", "surrogateescape") for path in self.paths)
        self.collation = collation
        self.fields = len(self.paths)
        assert 0 < self.fields <= 32
        for i in range(self.fields):
            self.names[i] = PyBytes_AS_STRING(self.encoded_paths[i])
            self.signs[i] = -1 if self.directions[i] < 0 else 1

    cdef bytes smallest_key(self, const uint8_t* doc, Writer out):
        cdef Slot[32] slots
        if not look_up_all(self, doc, slots):
            return generate(self, doc, None).smallest
        out.clear()
        put_slots(self, slots, out)
        return out.finish()

    def sort_key(self, bytes doc not None):
        """Return the document's smallest key, by which a sort with this pattern orders the document.

        Raises:
            CommandError: 2 if the paths go through two different arrays.
        """
        return self.smallest_key(<const uint8_t*>PyBytes_AS_STRING(doc), Writer.__new__(Writer))

    def values_of(self, bytes doc not None, bytes key):
        """Return the values of which a key of a document consists.

        The value of an absent field is None, that of an empty array is undefined.

        Arguments:
            key: one of the document's keys, or None for the first one.
        """
        cdef KeySearch search = KeySearch.__new__(KeySearch)
        search.wanted = key
        search.keys = []
        generate_into(search, self, <const uint8_t*>PyBytes_AS_STRING(doc))
        assert search.values is not None, "the document has no such key"
        return search.values

    def keys(self, bytes doc not None):
        """Return the distinct index keys of a document, whether a path meets an array, and whether all fields are absent.

        Raises:
            CommandError: 171 CannotIndexParallelArrays.
        """
        cdef Generation run = generate(self, <const uint8_t*>PyBytes_AS_STRING(doc), [])
        found = run.keys if len(run.keys) == 1 else list(dict.fromkeys(run.keys))
        return found, run.multikey, run.all_absent
