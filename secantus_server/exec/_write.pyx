# cython: language_level=3, boundscheck=False, wraparound=False
"""Writing the documents of one collection, their index entries with them.

Each call changes everything that one document needs or raises before it changed anything, so that a statement that
fails leaves the rest of its transaction whole.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._keystring cimport put_key
from secantus_server.bson._raw cimport Element, find_field
from secantus_server.index._index cimport Index, record_id_bytes
from secantus_server.mql._keys cimport Generation
from secantus_server.storage._unit cimport RecoveryUnit

from secantus_server.index._index import ident_prefix
from secantus_server.storage.tables import INDEX_ENTRIES, RECORDS

cdef int RECORDS_TABLE = RECORDS
cdef int ENTRIES_TABLE = INDEX_ENTRIES


cdef class CollectionWriter:
    """Writes documents of a collection in one recovery unit's transaction.

    Arguments:
        unit: the recovery unit; its transaction has begun.
        ident: the collection's place in the table of records.
        indexes: all indexes of the collection, that on _id first.
    """

    cdef RecoveryUnit unit
    cdef bytes prefix
    cdef Index id_index
    cdef list others
    cdef Writer key_buffer
    cdef readonly list became_multikey

    def __init__(self, RecoveryUnit unit not None, int ident, list indexes not None):
        self.unit = unit
        self.prefix = ident_prefix(ident)
        self.id_index = indexes[0] if indexes and (<Index>indexes[0]).is_id else None
        self.others = indexes[1:] if self.id_index is not None else indexes
        self.key_buffer = Writer()
        self.became_multikey = []

    def insert(self, bytes doc not None, int64_t record_id):
        """Store a new document; its _id is set.

        Raises:
            DuplicateKey: a unique index has one of its keys.
            CommandError: it cannot be indexed.
            WriteConflict: another transaction wrote one of its keys.
        """
        cdef bytes rid = record_id_bytes(record_id)
        cdef list all_entries = self.prepare(doc)
        if self.id_index is not None:
            self.insert_id(doc, rid)
        self.put_record(rid, doc, True)
        self.add_all(all_entries, rid, doc)

    cdef list prepare(self, bytes doc):
        """The entries of all other indexes, checked for duplicates."""
        cdef Index index
        cdef Generation entries
        if not self.others:
            return None
        found = []
        for index in self.others:
            entries = index.entries_of(doc)
            index.check(self.unit, entries, doc, None)
            found.append(entries)
        return found

    cdef int add_all(self, list all_entries, bytes rid, bytes doc) except -1:
        cdef Py_ssize_t i
        cdef Index index
        cdef Generation entries
        if all_entries is None:
            return 0
        for i in range(len(all_entries)):
            entries = all_entries[i]
            if entries is None:
                continue
            index = self.others[i]
            self.note_multikey(index, entries)
            for key in entries.keys:
                index.add(self.unit, key, entries.covered if not entries.multikey else None, rid, doc)
        return 0

    cdef int note_multikey(self, Index index, Generation entries) except -1:
        if entries.multikey and not index.multikey and index not in self.became_multikey:
            self.became_multikey.append(index)
        return 0

    cdef int id_key(self, bytes doc, Element* element) except -1:
        """The key of the _id index in the buffer."""
        cdef bint found = find_field(<const uint8_t*>PyBytes_AS_STRING(doc), "_id", 3, element)
        assert found, "a stored document has an _id"
        self.key_buffer.clear()
        self.key_buffer.put_bytes(PyBytes_AS_STRING(self.id_index.prefix), 4)
        return put_key(self.key_buffer, element.type, element.value, self.id_index.generator.collation)

    cdef int insert_id(self, bytes doc, bytes rid) except -1:
        cdef Element element
        cdef Writer key = self.key_buffer
        cdef size_t size
        self.id_key(doc, &element)
        size = key.size
        # The value follows in the same buffer: RecordId, type byte, _id.
        key.put_bytes(PyBytes_AS_STRING(rid), 8)
        key.put_byte(element.type)
        key.put_bytes(element.value, element.value_len)
        if not self.unit.insert_raw(ENTRIES_TABLE, key.buffer, size, key.buffer + size, key.size - size):
            self.id_index.duplicate(doc)
        return 0

    cdef int put_record(self, bytes rid, bytes doc, bint new) except -1:
        cdef bytes key = self.prefix + rid
        return self.unit.put_raw(RECORDS_TABLE, <const uint8_t*>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key),
                                 <const uint8_t*>PyBytes_AS_STRING(doc), PyBytes_GET_SIZE(doc), new)

    def update(self, bytes old not None, bytes new not None, int64_t record_id):
        """Replace a document by another of the same _id.

        Raises:
            DuplicateKey: a unique index has one of its keys.
            CommandError: it cannot be indexed.
            WriteConflict: another transaction wrote one of its keys.
        """
        cdef bytes rid = record_id_bytes(record_id)
        cdef Index index
        cdef Generation before
        cdef Generation after
        cdef list changes = []
        for index in self.others:
            before = index.entries_of(old)
            after = index.entries_of(new)
            if same_entries(before, after):
                continue
            index.check(self.unit, after, new, before.keys if before is not None else None)
            changes.append((index, before, after))
        for index, before, after in changes:
            self.change(index, before, after, rid, new)
        self.put_record(rid, new, False)

    cdef int change(self, Index index, Generation before, Generation after, bytes rid, bytes doc) except -1:
        if before is not None:
            for key in before.keys:
                index.take(self.unit, key, rid)
        if after is not None:
            self.note_multikey(index, after)
            for key in after.keys:
                index.add(self.unit, key, after.covered if not after.multikey else None, rid, doc)
        return 0

    def delete(self, bytes doc not None, int64_t record_id):
        """Remove a document.

        Raises:
            WriteConflict: another transaction wrote one of its keys.
        """
        cdef bytes rid = record_id_bytes(record_id)
        cdef bytes key = self.prefix + rid
        cdef Index index
        cdef Generation entries
        cdef Element element
        self.unit.remove_raw(RECORDS_TABLE, <const uint8_t*>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
        if self.id_index is not None:
            self.id_key(doc, &element)
            self.unit.remove_raw(ENTRIES_TABLE, self.key_buffer.buffer, self.key_buffer.size)
        for index in self.others:
            entries = index.entries_of(doc)
            if entries is not None:
                for entry in entries.keys:
                    index.take(self.unit, entry, rid)

    def add_to_index(self, Index index not None, bytes doc not None, int64_t record_id):
        """Put a stored document into an index that is being built.

        Raises:
            DuplicateKey: the index is unique and has one of its keys.
            CommandError: the document cannot be indexed.
        """
        cdef bytes rid = record_id_bytes(record_id)
        cdef Generation entries = index.entries_of(doc)
        if entries is None:
            return
        self.note_multikey(index, entries)
        for key in entries.keys:
            index.add(self.unit, key, entries.covered if not entries.multikey else None, rid, doc)


cdef bint same_entries(Generation before, Generation after) except -1:
    if before is None or after is None:
        return before is after
    return before.keys == after.keys and before.covered == after.covered
