# cython: language_level=3, boundscheck=False, wraparound=False
"""An index and its entries.

The key of an entry is the index's ident and the key string, followed by the RecordId unless the index is unique. The value of an entry
consists of the RecordId, if the index is unique, and the indexed values, which answer covered queries.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from secantus_server.bson._codec cimport Writer, decode_document
from secantus_server.bson._keystring cimport extend
from secantus_server.mql._keys cimport Generation, KeyGenerator, Slot, generate, look_up_all, put_slots, put_values
from secantus_server.mql.match._nodes cimport MatchExpression
from secantus_server.storage._unit cimport RecoveryUnit

from secantus_server.index.errors import DuplicateKey
from secantus_server.storage.tables import INDEX_ENTRIES as ENTRIES_TABLE

cdef int ENTRIES = ENTRIES_TABLE


cdef bytes record_id_bytes(int64_t record_id):
    """Return a RecordId in the form in which keys contain it: big-endian, so that the bytes sort like the numbers."""
    cdef uint8_t[8] data
    put_record_id(data, record_id)
    return PyBytes_FromStringAndSize(<const char*>data, 8)


cdef void put_record_id(uint8_t* out, int64_t record_id) noexcept nogil:
    # Without a loop, the compiler makes one store of it.
    cdef uint64_t n = <uint64_t>record_id
    out[0], out[1], out[2], out[3] = <uint8_t>(n >> 56), <uint8_t>(n >> 48), <uint8_t>(n >> 40), <uint8_t>(n >> 32)
    out[4], out[5], out[6], out[7] = <uint8_t>(n >> 24), <uint8_t>(n >> 16), <uint8_t>(n >> 8), <uint8_t>n


cdef int64_t read_record_id(const uint8_t* data) noexcept nogil:
    cdef uint64_t high = <uint64_t>data[0] << 56 | <uint64_t>data[1] << 48 | <uint64_t>data[2] << 40 | <uint64_t>data[3] << 32
    return <int64_t>(high | <uint64_t>data[4] << 24 | <uint64_t>data[5] << 16 | <uint64_t>data[6] << 8 | <uint64_t>data[7])


def ident_prefix(int ident):
    """Return the four bytes with which every key of an ident begins."""
    return ident.to_bytes(4, "big")


cdef class Extraction(Generation):
    """The keys that the extractor of an index returned for one document."""


cdef bytes covered_of(Generation entries, bytes key):
    """Return the values that are stored with a key for covered queries, or None."""
    if type(entries) is Extraction:
        return (<Extraction>entries).values.get(key)
    return None if entries.multikey else entries.covered


cdef class Index:
    """One index of a collection.

    Arguments:
        spec: the index definition as listIndexes shows it.
        ident: the prefix of the index's keys in the table of index entries.
        kind: the IndexKind.
        generator: generates the keys from the values at the index's paths; None for a kind that generates keys in another way.
        partial_filter: the match expression that a document must match to be indexed, or None.
        multikey: whether any document has several keys.
        guard: raises an error for a document that cannot be indexed; None accepts all documents.
        extract: returns the keys of a document if `generator` is None; None for a kind that stores no entries.

    `marks`: the paths of a wildcard index that contain arrays, as keys. Writers add marks before they commit; marks are never removed.
    `knows_marks`: whether `marks` is complete. An index that is loaded from the store as multikey needs `read_marks`.
    """

    def __init__(self, dict spec, int ident, kind, KeyGenerator generator, partial_filter, bint multikey, guard=None, extract=None):
        self.extract = extract
        self.guard = guard
        # A path such as `a.0` yields one element of an array, but the guard may have to refuse the array itself.
        guards_elements = guard is not None and any(name.isdigit() for path in spec["key"] for name in path.split("."))
        self.needs_objects = generator is None or guards_elements or "prepareUnique" in spec
        self.spec = spec
        self.name = spec["name"]
        self.ident = ident
        self.prefix = ident_prefix(ident)
        self.kind = kind
        self.is_id = list(spec["key"]) == ["_id"] and (self.name == "_id_" or bool(spec.get("clustered")))
        self.unique = self.is_id or bool(spec.get("unique"))
        self.sparse = bool(spec.get("sparse"))
        self.parts = list(zip(generator.paths, generator.directions)) if generator is not None else kind.parts(spec["key"])
        self.generator = generator
        self.partial_filter = partial_filter
        self.multikey = multikey
        self.marks = set()
        self.knows_marks = not multikey
        self.point_path = self.parts[0][0] if self.finds_points() else None

    def finds_points(self):
        """Return whether the index supports point lookups.

        An index does if it has one field, and if each value of the field has at most one entry, whose key is the value's key string.
        """
        if not self.unique or not self.kind.is_ordered or self.partial_filter is not None or self.generator.collation is not None:
            return False
        return self.generator.directions == (1,)

    @property
    def stores_entries(self):
        """Return whether the index stores entries. An index without entries is only a definition."""
        return self.generator is not None or self.extract is not None

    @property
    def hidden(self):
        """Return whether the index is hidden, so that the planner must ignore it."""
        return bool(self.spec.get("hidden"))

    cdef Generation entries_of(self, bytes doc):
        """Return the keys of a document, or None if the index does not contain the document."""
        cdef Generation entries
        if self.partial_filter is not None and not self.partial_filter.matches(doc):
            return None
        if self.guard is not None:
            self.guard(doc)
        if self.generator is None:
            return None if self.extract is None else self.extracted(doc)
        entries = generate(self.generator, <const uint8_t*>PyBytes_AS_STRING(doc), [])
        if self.sparse and entries.all_absent:
            return None
        if len(entries.keys) > 1:
            # The keys are sorted, so that an error names the smallest of several duplicate keys.
            entries.keys = sorted(set(entries.keys))
        return entries

    cdef Generation extracted(self, bytes doc):
        cdef Extraction entries = Extraction.__new__(Extraction)
        found = self.extract(doc)
        entries.keys = sorted(found)
        entries.values = found if type(found) is dict else {}
        entries.marks = [key for key, values in entries.values.items() if values is None]
        entries.multikey = self.kind.is_multikey(entries.keys, entries.marks)
        return entries

    cdef Entries put_entry(self, const uint8_t* doc, const uint8_t* record_id, Writer out, size_t* key_size) except? SOME_ENTRIES:
        """If a document has only one entry, write it into a buffer: first the key, then the value. This creates no Python objects.

        Return how many entries the document has.

        Arguments:
            record_id: the eight bytes of the RecordId in a key.
            key_size: receives the size of the key.
        """
        cdef Slot[32] slots
        cdef size_t start = out.size
        if self.needs_objects:
            return SOME_ENTRIES
        if self.partial_filter is not None and not (<MatchExpression>self.partial_filter).matches_raw(doc):
            return NO_ENTRY
        if not look_up_all(self.generator, doc, slots):
            return SOME_ENTRIES
        memcpy(extend(out, 4), PyBytes_AS_STRING(self.prefix), 4)
        if put_slots(self.generator, slots, out) and self.sparse:
            out.size = start
            return NO_ENTRY
        key_size[0] = out.size - start if self.unique else out.size - start + 8
        memcpy(extend(out, 8), record_id, 8)
        put_values(self.generator, slots, out)
        return ONE_ENTRY

    def entries(self, bytes doc not None, int64_t record_id):
        """Return a document's entries as pairs of key and value, and whether they make the index multikey."""
        cdef Generation found = self.entries_of(doc)
        cdef bytes rid = record_id_bytes(record_id)
        if found is None:
            return [], False
        if self.unique:
            return [(self.prefix + key, rid + (covered_of(found, key) or b"")) for key in found.keys], found.multikey
        return [(self.prefix + key + rid, covered_of(found, key) or b"") for key in found.keys], found.multikey

    def owner(self, bytes key not None, bytes value not None):
        """Return the RecordId to which a stored entry belongs."""
        cdef bytes rid = value[:8] if self.unique else key[len(key) - 8:]
        return read_record_id(<const uint8_t*>PyBytes_AS_STRING(rid))

    cdef int check(self, RecoveryUnit ru, Generation entries, bytes doc, list but_not) except -1:
        """Raise DuplicateKey if a unique index already has one of the keys.

        `but_not` lists the keys that the document already has, which are allowed.
        """
        cdef const uint8_t* value
        cdef size_t size
        cdef bytes key
        cdef bytes full
        if entries is None:
            return 0
        if not self.unique:
            if "prepareUnique" in self.spec:
                self.check_prepared(ru, entries.keys, doc, but_not)
            return 0
        for key in entries.keys:
            if but_not is not None and key in but_not:
                continue
            full = self.prefix + key
            if ru.get_raw(ENTRIES, <const uint8_t*>PyBytes_AS_STRING(full), PyBytes_GET_SIZE(full), &value, &size):
                self.duplicate(doc, key)
        return 0

    def check_prepared(self, RecoveryUnit ru not None, list keys not None, bytes doc not None, list but_not):
        """Raise DuplicateKey if an index with prepareUnique already contains one of the keys.

        Unlike in a unique index, the keys of its entries end with RecordIds. `but_not` lists the keys that the document already has, which
        are allowed.
        """
        for key in keys:
            if but_not is not None and key in but_not:
                continue
            start = self.prefix + key
            cursor = ru.scan(ENTRIES, start, start + b"\xff" * 8)
            found = next(cursor, None)
            cursor.close()
            if found is not None:
                self.duplicate(doc, key)

    cdef int add(self, RecoveryUnit ru, bytes key, bytes covered, bytes record_id, bytes doc) except -1:
        """Store one entry of a document."""
        cdef bytes full = self.prefix + key if self.unique else self.prefix + key + record_id
        cdef bytes value = covered or b""
        if self.unique:
            value = record_id + value
            if not ru.insert_raw(ENTRIES, <const uint8_t*>PyBytes_AS_STRING(full), PyBytes_GET_SIZE(full),
                                 <const uint8_t*>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)):
                self.duplicate(doc, key)
            return 0
        return ru.put_raw(ENTRIES, <const uint8_t*>PyBytes_AS_STRING(full), PyBytes_GET_SIZE(full),
                          <const uint8_t*>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), False)

    cdef int take(self, RecoveryUnit ru, bytes key, bytes record_id) except -1:
        """Remove one entry of a document."""
        cdef bytes full = self.prefix + key if self.unique else self.prefix + key + record_id
        ru.remove_raw(ENTRIES, <const uint8_t*>PyBytes_AS_STRING(full), PyBytes_GET_SIZE(full))
        return 0

    def duplicate(self, bytes doc not None, bytes key=None):
        """Raise the duplicate key error.

        Arguments:
            doc: the document that cannot be stored.
            key: the duplicate key; None if the document has only one key.

        Raises:
            DuplicateKey: always.
        """
        if self.generator is None:
            raise DuplicateKey(self.name, self.spec["key"], self.kind.key_values(self.spec, doc, key), None, key)
        values = self.generator.values_of(doc, key)
        if self.generator.collation is not None:
            values = [in_hexadecimal(value, self.generator.collation) for value in values]
        if key is None:
            key = self.generator.keys(doc)[0][0]
        raise DuplicateKey(self.name, self.spec["key"], values, self.spec.get("collation"), key)

    def values(self, bytes doc not None):
        """Return the values of which a document's only key consists, for errors and `returnKey`. The value of an absent field is None."""
        if self.generator is None:
            return self.kind.key_values(self.spec, doc, next(iter(self.extract(doc))))
        return [value_at(decode_document(<const uint8_t*>PyBytes_AS_STRING(doc)), path.split(".")) for path in self.generator.paths]


def in_hexadecimal(value, collation):
    """Return a copy of a value in which each string is replaced by its sort key (in the collation) in hexadecimal digits."""
    if type(value) is str:
        return "0x" + collation.sort_key(value).hex()
    if type(value) is dict:
        return {name: in_hexadecimal(inner, collation) for name, inner in value.items()}
    if type(value) is list:
        return [in_hexadecimal(inner, collation) for inner in value]
    return value


def value_at(value, list path):
    """Return the value at a path, or None. If an array is on the path, return the value of the first element that has one."""
    if not path:
        return value
    if type(value) is dict:
        return value_at(value.get(path[0]), path[1:])
    if type(value) is list:
        found = [value_at(item, path) for item in value]
        return next((item for item in found if item is not None), None)
    return None
