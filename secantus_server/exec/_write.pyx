# cython: language_level=3, boundscheck=False, wraparound=False
"""Writes of one collection's documents together with their index entries.

Each call writes everything that one document needs, or raises an error and changes nothing. A failing statement therefore leaves the rest
of its transaction intact.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport qsort
from libc.string cimport memcmp, memcpy

from secantus_server.bson._codec cimport Writer
from secantus_server.bson._keystring cimport put_key
from secantus_server.bson._raw cimport Element, find_field
from secantus_server.exec._prepare cimport prepare_document
from secantus_server.index._index cimport NO_ENTRY, ONE_ENTRY, SOME_ENTRIES, Entries, Extraction, Index, covered_of, record_id_bytes
from secantus_server.mql._keys cimport Generation
from secantus_server.storage._unit cimport RecoveryUnit

from secantus_server.errors import CommandError
from secantus_server.index.errors import DuplicateKey
from secantus_server.storage.errors import concerns_store
from secantus_server.storage.tables import INDEX_ENTRIES, RECORDS

cdef int RECORDS_TABLE = RECORDS
cdef int ENTRIES_TABLE = INDEX_ENTRIES


cdef inline const uint8_t* start_of(bytes data):
    return <const uint8_t*>PyBytes_AS_STRING(data)


cdef int compare_entries(const void* first, const void* second) noexcept nogil:
    """Return a number less than, equal to or greater than 0 for the order of the keys of two late entries."""
    cdef const LateEntry* a = <const LateEntry*>first
    cdef const LateEntry* b = <const LateEntry*>second
    cdef int order = memcmp(a.key, b.key, min(a.key_size, b.key_size))
    return order if order else (a.key_size > b.key_size) - (a.key_size < b.key_size)


cdef class CollectionWriter:
    """Writes documents of a collection in the transaction of one recovery unit.

    Arguments:
        unit: the recovery unit, with an open transaction.
        ident: the collection's key prefix in the table of records.
        indexes: all indexes of the collection, the `_id` index first.
    """

    def __init__(self, RecoveryUnit unit not None, int ident, list indexes not None):
        cdef int i
        self.unit, self.ident, self.indexes = unit, ident, indexes
        for i in range(4):
            self.record_key[i] = <uint8_t>(ident >> (24 - 8 * i))
        self.id_index = indexes[0] if indexes and (<Index>indexes[0]).is_id else None
        self.others = indexes[1:] if self.id_index is not None else indexes
        self.buffer = Writer.__new__(Writer)
        self.became_multikey = []
        if self.others:
            assert len(self.others) <= MAX_INDEXES, "a collection has too many indexes"
            self.entries = [Writer() for _ in self.others]
            self.generations = [None] * len(self.others)

    def __dealloc__(self):
        PyMem_Free(self.late)

    cdef bint continue_in(self, RecoveryUnit unit, int ident, list indexes) except -1:
        if ident != self.ident or indexes is not self.indexes:
            return False
        self.unit = unit
        if self.became_multikey:
            self.became_multikey = []
        return True

    cpdef insert(self, bytes doc, int64_t record_id):
        """Store a new document, which already has an `_id`.

        Raises:
            DuplicateKey: if a unique index already contains one of the document's keys.
            CommandError: if the document cannot be indexed.
            WriteConflict: if another transaction wrote one of its keys.
        """
        cdef bytes rid = record_id_bytes(record_id)
        if self.others:
            self.find_entries(doc, rid)
        if self.id_index is not None:
            self.insert_id(doc, rid)
        self.put_record(rid, doc, True)
        if self.others:
            self.add_entries(doc, rid)

    cpdef insert_run(self, list documents, Py_ssize_t start, Py_ssize_t stop, record_ids, make_id, make_timestamp, list changes):
        """Prepare and store documents in order.

        `position` is the position of the current document; after an error, that of the document that failed.

        Arguments:
            documents: the documents; those at the positions [start, stop) are stored.
            record_ids: an iterator of new RecordIds.
            make_id, make_timestamp: see `prepare_document`.
            changes: receives the oplog change of each stored document.

        Raises:
            CommandError, DuplicateKey, WriteConflict: the errors of `insert`.
        """
        cdef bytes doc
        cdef size_t late = 0
        self.position = start
        # A damaged file is an error of one document, whose entries must therefore be written with it.
        self.defers = len(self.others) > 0 and stop - start > 1 and self.unit.connection.in_memory
        try:
            while self.position < stop:
                late = self.late_count
                doc = prepare_document(documents[self.position], make_id, make_timestamp)
                self.insert(doc, next(record_ids))
                changes.append(("i", doc))
                self.position += 1
            late = self.late_count
        except DuplicateKey:
            # The documents before this one remain stored.
            raise
        except CommandError as error:
            if concerns_store(error):
                late = 0
            raise
        except BaseException:
            late = 0
            raise
        finally:
            self.defers = False
            self.put_late(late)

    cdef int find_entries(self, bytes doc, bytes rid) except -1:
        """Determine a new document's entries in all indexes except the `_id` index.

        Check for duplicate keys in the indexes in which it has several entries.
        """
        cdef Py_ssize_t i
        cdef Index index
        cdef Writer entry
        for i in range(len(self.others)):
            index = self.others[i]
            entry = self.entries[i]
            entry.clear()
            self.found[i] = index.put_entry(start_of(doc), start_of(rid), entry, &self.key_sizes[i])
            if self.found[i] == SOME_ENTRIES:
                self.generations[i] = index.entries_of(doc)
                try:
                    index.check(self.unit, self.generations[i], doc, None)
                except DuplicateKey:
                    self.check_before(i, doc)
                    raise
        return 0

    cdef int check_before(self, Py_ssize_t stop, bytes doc) except -1:
        """Raise DuplicateKey if one of the first indexes already contains one of the document's keys.

        The checked indexes are the `_id` index and the `stop` indexes after it.
        """
        cdef Py_ssize_t i
        cdef Index index
        cdef Element element
        if self.id_index is not None:
            self.id_key(doc, &element)
            if self.has_key(self.buffer, self.buffer.size):
                self.id_index.duplicate(doc)
        for i in range(stop):
            index = self.others[i]
            if self.found[i] == ONE_ENTRY and index.unique and self.has_key(self.entries[i], self.key_sizes[i]):
                index.duplicate(doc)
        return 0

    cdef Entries put_only(self, Index index, bytes doc, bytes rid, size_t* key_size) except? SOME_ENTRIES:
        """Write the only entry of a document in an index into the buffer; see `Index.put_entry`."""
        self.buffer.clear()
        return index.put_entry(start_of(doc), start_of(rid), self.buffer, key_size)

    cdef bint has_key(self, Writer entry, size_t key_size) except -1:
        cdef const uint8_t* value
        cdef size_t size
        return self.unit.get_raw(ENTRIES_TABLE, entry.buffer, key_size, &value, &size)

    cdef int add_entries(self, bytes doc, bytes rid) except -1:
        """Store the entries found by `find_entries`. On a duplicate key, remove everything that was stored for the document."""
        cdef Py_ssize_t i
        for i in range(len(self.others)):
            if self.found[i] == ONE_ENTRY:
                if not self.add_one(self.others[i], self.entries[i], self.key_sizes[i]):
                    self.take_back(i, doc, rid)
                    (<Index>self.others[i]).duplicate(doc)
            elif self.found[i] == SOME_ENTRIES:
                self.add_some(self.others[i], self.generations[i], doc, rid)
        return 0

    cdef int add_one(self, Index index, Writer entry, size_t key_size) except -1:
        """Store a document's only entry in an index. Return 0 if the index is unique and already contains its key, otherwise 1."""
        cdef const uint8_t* value = entry.buffer + key_size
        if index.unique:
            return self.unit.insert_raw(ENTRIES_TABLE, entry.buffer, key_size, value, entry.size - key_size)
        if self.defers:
            self.add_late(entry, key_size)
        else:
            self.unit.put_raw(ENTRIES_TABLE, entry.buffer, key_size, value, entry.size - key_size, False)
        return 1

    cdef int add_late(self, Writer entry, size_t key_size) except -1:
        """Keep an entry for `put_late`."""
        cdef LateEntry* more
        if self.late_count == self.late_room:
            more = <LateEntry*>PyMem_Realloc(self.late, (2 * self.late_room + 128) * sizeof(LateEntry))
            if more == NULL:
                raise MemoryError()
            self.late = more
            self.late_room = 2 * self.late_room + 128
        if self.late_bytes is None:
            self.late_bytes = Writer.__new__(Writer)
        more = &self.late[self.late_count]
        more.start, more.key_size, more.size = self.late_bytes.size, key_size, entry.size
        self.late_bytes.put_bytes(entry.buffer, entry.size)
        self.late_count += 1
        return 0

    cdef int put_late(self, size_t count) except -1:
        """Store the first `count` late entries in the order of their keys, and forget all of them.

        A new index's keys are the highest of the table. WiredTiger appends a key that is higher than all others without a search.
        """
        cdef size_t i
        cdef LateEntry* entry
        if not self.late_count:
            return 0
        self.late_count = 0
        for i in range(count):
            self.late[i].key = self.late_bytes.buffer + self.late[i].start
        qsort(self.late, count, sizeof(LateEntry), compare_entries)
        try:
            for i in range(count):
                entry = &self.late[i]
                self.unit.put_raw(ENTRIES_TABLE, entry.key, entry.key_size, entry.key + entry.key_size, entry.size - entry.key_size, False)
        finally:
            self.late_bytes.clear()
        return 0

    cdef int add_some(self, Index index, Generation entries, bytes doc, bytes rid) except -1:
        if entries is None:
            return 0
        self.note_multikey(index, entries)
        for key in entries.keys:
            index.add(self.unit, key, covered_of(entries, key), rid, doc)
        return 0

    cdef int take_back(self, Py_ssize_t stored, bytes doc, bytes rid) except -1:
        """Undo the insertion of a document: remove it and its entries in the first `stored` indexes, which this transaction has stored."""
        cdef Py_ssize_t i
        cdef Writer entry
        for i in range(stored):
            if self.found[i] == ONE_ENTRY:
                # A late entry is not stored yet.
                if not self.defers or (<Index>self.others[i]).unique:
                    entry = self.entries[i]
                    self.unit.remove_raw(ENTRIES_TABLE, entry.buffer, self.key_sizes[i])
            elif self.found[i] == SOME_ENTRIES:
                self.take_some(self.others[i], self.generations[i], rid)
        return self.remove_record(doc, rid)

    cdef int take_some(self, Index index, Generation entries, bytes rid) except -1:
        if entries is not None:
            for key in entries.keys:
                index.take(self.unit, key, rid)
        return 0

    cdef int remove_record(self, bytes doc, bytes rid) except -1:
        """Remove a document and its entry in the `_id` index."""
        cdef Element element
        self.set_record_key(rid)
        self.unit.remove_raw(RECORDS_TABLE, self.record_key, RECORD_KEY_BYTES)
        if self.id_index is not None:
            self.id_key(doc, &element)
            self.unit.remove_raw(ENTRIES_TABLE, self.buffer.buffer, self.buffer.size)
        return 0

    cdef int note_multikey(self, Index index, Generation entries) except -1:
        if type(entries) is Extraction:
            index.marks.update((<Extraction>entries).marks)
        if entries.multikey and not index.multikey and index not in self.became_multikey:
            self.became_multikey.append(index)
        return 0

    cdef int id_key(self, bytes doc, Element* element) except -1:
        """Write the key that the document has in the `_id` index into the buffer."""
        cdef bint found = find_field(<const uint8_t*>PyBytes_AS_STRING(doc), "_id", 3, element)
        assert found, "a stored document has an _id"
        self.buffer.clear()
        self.buffer.put_bytes(PyBytes_AS_STRING(self.id_index.prefix), 4)
        return put_key(self.buffer, element.type, element.value, self.id_index.generator.collation)

    cdef size_t id_entry(self, bytes doc, bytes rid) except 0:
        """Write the entry that the document has in the `_id` index into the buffer: first the key, then the value.

        Return the size of the key.
        """
        cdef Element element
        cdef Writer key = self.buffer
        cdef size_t size
        self.id_key(doc, &element)
        size = key.size
        # The value consists of the RecordId, a type byte and the `_id`.
        key.put_bytes(PyBytes_AS_STRING(rid), 8)
        key.put_byte(element.type)
        key.put_bytes(element.value, element.value_len)
        return size

    cdef int insert_id(self, bytes doc, bytes rid) except -1:
        cdef size_t size = self.id_entry(doc, rid)
        cdef Writer key = self.buffer
        if not self.unit.insert_raw(ENTRIES_TABLE, key.buffer, size, key.buffer + size, key.size - size):
            self.id_index.duplicate(doc)
        return 0

    cdef int update_id(self, bytes old, bytes new, bytes rid) except -1:
        """Rewrite the value of the `_id` entry if an update changed the bytes of the `_id` but not its key, such as from int to double."""
        cdef Element before
        cdef Element after
        cdef Writer key = self.buffer
        cdef size_t size
        cdef bint found = find_field(<const uint8_t*>PyBytes_AS_STRING(old), "_id", 3, &before)
        found = find_field(<const uint8_t*>PyBytes_AS_STRING(new), "_id", 3, &after) and found
        assert found, "a stored document has an _id"
        if (
            before.type == after.type
            and before.value_len == after.value_len
            and memcmp(before.value, after.value, after.value_len) == 0
        ):
            return 0
        size = self.id_entry(new, rid)
        self.unit.put_raw(ENTRIES_TABLE, key.buffer, size, key.buffer + size, key.size - size, False)
        return 0

    cdef void set_record_key(self, bytes rid) noexcept:
        """Complete the key of a document in the table of records."""
        memcpy(self.record_key + 4, PyBytes_AS_STRING(rid), RECORD_KEY_BYTES - 4)

    cdef int put_record(self, bytes rid, bytes doc, bint new) except -1:
        self.set_record_key(rid)
        return self.unit.put_raw(RECORDS_TABLE, self.record_key, RECORD_KEY_BYTES,
                                 <const uint8_t*>PyBytes_AS_STRING(doc), PyBytes_GET_SIZE(doc), new)

    cpdef update(self, bytes old, bytes new, int64_t record_id):
        """Replace a document with another one that has an equal `_id`.

        Raises:
            DuplicateKey: if a unique index already contains one of the new document's keys.
            CommandError: if the new document cannot be indexed.
            WriteConflict: if another transaction wrote one of its keys.
        """
        cdef bytes rid = record_id_bytes(record_id)
        cdef Py_ssize_t i
        cdef Index index
        cdef Generation before
        cdef Generation after
        cdef list changes = []
        for i in range(len(self.others)):
            index = self.others[i]
            if self.keeps_entry(i, old, new, rid):
                continue
            before = index.entries_of(old)
            after = index.entries_of(new)
            if same_entries(before, after):
                continue
            index.check(self.unit, after, new, before.keys if before is not None else None)
            changes.append((index, before, after))
        for index, before, after in changes:
            self.change(index, before, after, rid, new)
        if self.id_index is not None:
            self.update_id(old, new, rid)
        self.put_record(rid, new, False)

    def update_run(self, list targets, Py_ssize_t start, Py_ssize_t stop, change, bint keeps_images, list changes):
        """Apply an update to documents in order, and store those that it changes. Return their number.

        Arguments:
            targets: pairs of a RecordId and a document; those at the positions [start, stop) are updated.
            change: the `Update`.
            keeps_images: whether the oplog change contains the old document.
            changes: receives the oplog change of each stored document.

        Raises:
            CommandError, DuplicateKey, WriteConflict: the errors of `Update.apply` and of `update`. The earlier documents stay updated.
        """
        cdef bytes old, new
        cdef Py_ssize_t modified = 0
        apply, entry = change.apply, change.entry
        for record_id, old in targets[start:stop]:
            new = apply(old)
            if new is old:
                continue
            diff = entry(old, new)
            self.update(old, new, record_id)
            changes.append(("u", new, diff, old) if keeps_images else ("u", new, diff))
            modified += 1
        return modified

    cdef bint keeps_entry(self, Py_ssize_t i, bytes old, bytes new, bytes rid) except -1:
        """Return whether both versions of a document have no entry, or the same single entry, in an index.

        This creates no Python objects.
        """
        cdef Index index = self.others[i]
        cdef Writer entry = self.entries[i]
        cdef size_t key_size
        cdef Entries before = self.put_only(index, old, rid, &key_size)
        if before == SOME_ENTRIES:
            return False
        entry.clear()
        if index.put_entry(start_of(new), start_of(rid), entry, &self.key_sizes[i]) != before:
            return False
        return before == NO_ENTRY or (key_size == self.key_sizes[i] and same_bytes(entry, self.buffer))

    cdef int change(self, Index index, Generation before, Generation after, bytes rid, bytes doc) except -1:
        cdef set kept = unchanged(before, after)
        if before is not None:
            for key in before.keys:
                if key not in kept:
                    index.take(self.unit, key, rid)
        if after is not None:
            self.note_multikey(index, after)
            for key in after.keys:
                if key not in kept:
                    index.add(self.unit, key, covered_of(after, key), rid, doc)
        return 0

    cpdef delete(self, bytes doc, int64_t record_id):
        """Remove a document.

        Raises:
            WriteConflict: if another transaction wrote one of its keys.
        """
        cdef bytes rid = record_id_bytes(record_id)
        cdef Py_ssize_t i
        cdef Index index
        cdef Entries found
        cdef size_t key_size
        for i in range(len(self.others)):
            index = self.others[i]
            found = self.put_only(index, doc, rid, &key_size)
            if found == ONE_ENTRY:
                self.unit.remove_raw(ENTRIES_TABLE, self.buffer.buffer, key_size)
            elif found == SOME_ENTRIES:
                self.take_some(index, index.entries_of(doc), rid)
        self.remove_record(doc, rid)

    def delete_run(self, list targets, Py_ssize_t start, Py_ssize_t stop, bint keeps_images, list changes):
        """Remove documents in order. The arguments are those of `update_run`.

        Raises:
            WriteConflict: the error of `delete`. The earlier documents stay removed.
        """
        cdef bytes doc
        for record_id, doc in targets[start:stop]:
            self.delete(doc, record_id)
            changes.append(("d", doc, doc, doc) if keeps_images else ("d", doc))

    def add_to_index(self, Index index not None, bytes doc not None, int64_t record_id):
        """Add a stored document to an index that is being built.

        Raises:
            DuplicateKey: if the index is unique and already contains one of the document's keys.
            CommandError: if the document cannot be indexed.
        """
        cdef bytes rid = record_id_bytes(record_id)
        cdef size_t key_size
        cdef Entries found = self.put_only(index, doc, rid, &key_size)
        if found == SOME_ENTRIES:
            self.add_some(index, index.entries_of(doc), doc, rid)
        elif found == ONE_ENTRY and not self.add_one(index, self.buffer, key_size):
            index.duplicate(doc)


cdef bint same_bytes(Writer first, Writer second) noexcept:
    return first.size == second.size and memcmp(first.buffer, second.buffer, first.size) == 0


cdef bint same_entries(Generation before, Generation after) except -1:
    if before is None or after is None:
        return before is after
    if type(before) is Extraction and (<Extraction>before).values != (<Extraction>after).values:
        return False
    return before.keys == after.keys and before.covered == after.covered


cdef set unchanged(Generation before, Generation after):
    """Return the keys that both versions of a document have, and under which they store the same values."""
    if type(before) is not Extraction or type(after) is not Extraction:
        return set()
    values = (<Extraction>after).values
    mine = (<Extraction>before).values
    return {key for key in after.keys if key in values and key in mine and mine[key] == values[key]}
