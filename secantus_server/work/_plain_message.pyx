# cython: language_level=3, boundscheck=False, wraparound=False
"""Reads the most common commands in their simplest form, which has only the usual fields and types, and each field at most once.

The reader creates no Python objects. It accepts a find, update, delete or findAndModify with an equality on one field, an insert of a few
documents, a find by a range of one field or sorted by a field, a create without options, a createIndexes for one index on one field without
options, a drop, the commit of a transaction, a ping and a getMore. In a transaction, an insert has one document and an update changes at
most one. Outside transactions, it also accepts a find of all documents, the aggregation with which drivers count documents, and a pipeline
that consists of a `$group`.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset, strcmp

from secantus_server.bson._raw cimport Element, document_length, first_element, next_element, read_int32, read_int64
from secantus_server.bson._types cimport (
    BSON_ARRAY,
    BSON_BOOL,
    BSON_DATE,
    BSON_DOCUMENT,
    BSON_DOUBLE,
    BSON_INT,
    BSON_LONG,
    BSON_OBJECT_ID,
    BSON_STRING,
)
from secantus_server.bson._validate cimport check_whole
from secantus_server.work._generic_fields cimport cluster_stamp, count_of, is_read_preference, is_session

from secantus_server.bson import decode_unique, encode
from secantus_server.errors import CommandError

# The second stage of the aggregation that drivers send for count_documents.
cdef bytes COUNTING = encode({"$group": {"_id": 1, "n": {"$sum": 1}}})

cdef enum:
    BODY_AT = 21  # header 16, flags 4, kind 1
    # The general path checks for an interruption after as many documents; see `work.writers.plain`.
    MOST_DOCUMENTS = 128
    MOST_BYTES = 1048576
    LONGEST_NAME = 100
    # The maximum number of fields that `is_flat` compares with each other, and one more.
    MOST_FIELDS = 17
    # The bits of `Parts.seen`.
    CLUSTER_TIME = 1
    READ_PREFERENCE = 2
    LIMIT = 4
    SINGLE_BATCH = 8
    NEW = 16
    UPSERT = 32
    REMOVE = 64
    ORDERED = 128
    MULTI = 256
    AUTOCOMMIT = 512
    STARTS = 1024
    CURSOR = 2048
    MAX_TIME = 4096
    BATCH_SIZE = 8192
    # How long a getMore waits if it has no time limit; see `commands.crud.get_more`.
    AWAIT_DATA_MS = 1000


# In the order of `Kind`.
cdef const char* COMMANDS[KINDS]
COMMANDS[:] = [
    b"find", b"insert", b"update", b"delete", b"findAndModify", b"aggregate", b"commitTransaction", b"create", b"drop", b"ping",
    b"createIndexes", b"getMore",
]


cdef inline bint named(const Element* element, const char* name, uint32_t length) noexcept nogil:
    return element.name_len == length and memcmp(element.name, name, length) == 0


cdef bint is_plain_name(const Element* element) noexcept nogil:
    """Return whether a string consists of ASCII letters, digits, `_` and `-`, and is not a system name."""
    cdef uint32_t i
    cdef uint8_t c
    cdef const uint8_t* text = element.value + 4
    cdef uint32_t length
    if element.type != BSON_STRING:
        return False
    length = <uint32_t>read_int32(element.value) - 1
    if length == 0 or length > LONGEST_NAME:
        return False
    for i in range(length):
        c = text[i]
        if not (97 <= c <= 122 or 65 <= c <= 90 or 48 <= c <= 57 or c == 95 or c == 45):
            return False
    return True


cdef bint is_own_database(const Element* element) noexcept nogil:
    """Return whether a database is not one of the server's databases (admin, config and local)."""
    cdef uint32_t length = <uint32_t>read_int32(element.value) - 1
    cdef const uint8_t* text = element.value + 4
    if length > 63:
        return False
    if length == 5 and (memcmp(text, b"admin", 5) == 0 or memcmp(text, b"local", 5) == 0):
        return False
    return not (length == 6 and memcmp(text, b"config", 6) == 0)


cdef bint is_admin(const Element* element) noexcept nogil:
    """Return whether a database is `admin`."""
    return read_int32(element.value) == 6 and memcmp(element.value + 4, b"admin", 5) == 0


cdef bint is_false(const Element* element) noexcept nogil:
    return element.type == BSON_BOOL and element.value[0] == 0


cdef bint is_true(const Element* element) noexcept nogil:
    return element.type == BSON_BOOL and element.value[0] == 1


cdef bint read_only_field(const Element* query, Element* field) noexcept nogil:
    """Read the only field of a filter; return 0 unless the filter has exactly one field."""
    cdef Element more
    cdef const uint8_t* cursor
    if query.start == NULL or query.type != BSON_DOCUMENT:
        return False
    cursor = first_element(query.value)
    return next_element(&cursor, field) and not next_element(&cursor, &more)


cdef bint is_plain_value(const Element* field) noexcept nogil:
    """Return whether a filter's field has a value that matches only by equality."""
    return field.type in (BSON_INT, BSON_STRING, BSON_OBJECT_ID, BSON_LONG, BSON_DOUBLE, BSON_DATE, BSON_BOOL)


cdef bint is_plain_path(const Element* field, bint may_have_dots) noexcept nogil:
    """Return whether a filter's field is plain, or if `may_have_dots`, a path whose components are plain."""
    cdef uint32_t i
    cdef uint8_t c
    # Whether the current component has any character yet.
    cdef bint is_inner = False
    for i in range(field.name_len):
        c = <uint8_t>field.name[i]
        if c == 46 and is_inner and may_have_dots:
            is_inner = False
            continue
        if not (97 <= c <= 122 or 65 <= c <= 90 or c == 95 or (is_inner and 48 <= c <= 57)):
            return False
        is_inner = True
    return is_inner


cdef int bracket_of(const Element* end) noexcept nogil:
    """Return the type bracket of the end of a range, or 0 if the lane does not compare values like it."""
    cdef double number
    if end.type == BSON_DOUBLE:
        memcpy(&number, end.value, 8)
        return BSON_DOUBLE if number == number else 0
    if end.type == BSON_INT or end.type == BSON_LONG:
        return BSON_DOUBLE
    return end.type if end.type in (BSON_STRING, BSON_OBJECT_ID, BSON_DATE) else 0


cdef bint is_array_of_documents(const Element* array, int most) noexcept nogil:
    """Return whether an array contains only documents, and between one and `most` of them."""
    cdef Element element
    cdef const uint8_t* cursor = first_element(array.value)
    cdef int count = 0
    while next_element(&cursor, &element):
        count += 1
        if element.type != BSON_DOCUMENT or count > most:
            return False
    return count > 0


cdef bint is_flat(const uint8_t* document) noexcept nogil:
    """Return whether decoding and encoding a document changes nothing, because it only has a few different fields of common types."""
    cdef Element[MOST_FIELDS] fields
    cdef const uint8_t* cursor = first_element(document)
    cdef int count = 0
    cdef int i
    while count < MOST_FIELDS and next_element(&cursor, &fields[count]):
        # A NaN is excluded because of its payload.
        if not is_plain_value(&fields[count]) or (fields[count].type == BSON_DOUBLE and not bracket_of(&fields[count])):
            return False
        for i in range(count):
            if fields[i].name_len == fields[count].name_len and memcmp(fields[i].name, fields[count].name, fields[i].name_len) == 0:
                return False
        count += 1
    return count < MOST_FIELDS


cdef bint is_first(Parts* parts, uint32_t bit) noexcept nogil:
    """Record that a field was read; return 0 if the field occurs a second time."""
    cdef bint is_new = not parts.seen & bit
    parts.seen |= bit
    return is_new


cdef bint keep(Element* place, const Element* element, uint8_t type) noexcept nogil:
    """Store a field; return 0 if the field has an unexpected type or occurs a second time."""
    if element.type != type or place.start != NULL:
        return False
    place[0] = element[0]
    return True


cdef class PlainMessage:
    """A command in its simplest form, represented by the positions of its parts in the message bytes.

    The documents of an insert are in the document sequence, or in the array that `query` refers to.
    """

    cdef bint read(self, bytes raw, uint64_t newest) except -1:
        """Read a message into `parts`; return 0 unless it is a command that the express lane can run."""
        cdef const uint8_t* start = <const uint8_t*>PyBytes_AS_STRING(raw)
        cdef const uint8_t* end = start + PyBytes_GET_SIZE(raw)
        cdef const uint8_t* p = start + BODY_AT
        cdef int32_t size
        if end - p < 40 or read_int32(start + 12) != OP_MSG or read_int32(start + 16) != 0 or start[20] != 0:
            return False
        if p[5] not in (97, 99, 100, 102, 103, 105, 112, 117):  # a, c, d, f, g, i, p, u
            return False
        if p[4] != (BSON_LONG if p[5] == 103 else BSON_INT if p[5] == 112 else BSON_STRING) and (p[4] != BSON_INT or p[5] != 99):
            return False
        size = read_int32(p)
        if size < 30 or size > end - p or size > MOST_BYTES:
            return False
        memset(&self.parts, 0, sizeof(Parts))
        try:
            check_whole(p, size)
            if p + size != end and not self.read_sequence(p + size, end):
                return False
        except CommandError:
            return False
        return self.read_body(p, newest) and self.is_complete()

    cdef list documents(self):
        cdef list documents = []
        cdef bytes document
        cdef Element element
        cdef const uint8_t* p = self.parts.documents
        if self.parts.query.start == NULL:
            while p < self.parts.documents_end:
                documents.append(PyBytes_FromStringAndSize(<const char*>p, read_int32(p)))
                p += read_int32(p)
            return documents
        p = first_element(self.parts.query.value)
        while next_element(&p, &element):
            document = PyBytes_FromStringAndSize(<const char*>element.value, element.value_len)
            # Decode and encode the documents, because the general path does so with documents in the body (but not in a sequence).
            documents.append(document if is_flat(element.value) else encode(decode_unique(document)))
        return documents

    cdef bint read_sequence(self, const uint8_t* p, const uint8_t* end) except -1:
        """Read the message's only document sequence; return 0 if it is unusual."""
        cdef const uint8_t* documents
        cdef int32_t size
        cdef int count = 0
        if end - p < 12 or end - p > MOST_BYTES or p[0] != 1 or read_int32(p + 1) != end - p - 1:
            return False
        self.parts.sequence = <const char*>p + 5
        documents = p + 5
        while documents < end and documents[0]:
            documents += 1
        self.parts.sequence_len = <uint32_t>(documents - p - 5)
        documents += 1
        self.parts.documents = documents
        self.parts.documents_end = end
        while documents < end:
            if end - documents < 5:
                return False
            size = read_int32(documents)
            count += 1
            if size < 5 or size > end - documents or count > MOST_DOCUMENTS:
                return False
            check_whole(documents, size)
            documents += size
        return count > 0

    cdef bint read_body(self, const uint8_t* body, uint64_t newest) noexcept:
        """Read the fields of the command; return 0 at the first unusual field."""
        cdef Parts* parts = &self.parts
        cdef Element element
        cdef const uint8_t* cursor = first_element(body)
        next_element(&cursor, &parts.name)
        # A name in BSON ends with a zero byte.
        while parts.kind < KINDS and strcmp(parts.name.name, COMMANDS[parts.kind]) != 0:
            parts.kind += 1
        parts.wait_ms = AWAIT_DATA_MS
        if parts.kind == KINDS:
            return False
        while next_element(&cursor, &element):
            if not (self.read_general(&element, newest) or self.read_own(&element)):
                return False
        return True

    cdef bint read_general(self, const Element* element, uint64_t newest) noexcept:
        """Read a field that every command accepts; return 0 for any other field or an unusual value."""
        cdef Parts* parts = &self.parts
        cdef uint64_t stamp
        if named(element, b"$db", 3):
            return keep(&parts.db, element, BSON_STRING)
        if named(element, b"lsid", 4):
            return is_session(element) and keep(&parts.lsid, element, BSON_DOCUMENT)
        if named(element, b"$clusterTime", 12):
            # The general path must check and adopt a time that is later than the server's.
            return is_first(parts, CLUSTER_TIME) and cluster_stamp(element, &stamp) and stamp <= newest
        if named(element, b"txnNumber", 9):
            return keep(&parts.number, element, BSON_LONG)
        if named(element, b"autocommit", 10):
            parts.in_transaction = True
            return is_first(parts, AUTOCOMMIT) and is_false(element)
        if named(element, b"startTransaction", 16):
            parts.starts = True
            return is_first(parts, STARTS) and is_true(element)
        if named(element, b"$readPreference", 15):
            return is_first(parts, READ_PREFERENCE) and is_read_preference(element)
        return False

    cdef bint read_own(self, const Element* element) noexcept:
        """Read a field specific to the command; return 0 for an unusual field."""
        cdef Parts* parts = &self.parts
        if parts.kind == FIND:
            return self.read_find(element)
        if parts.kind == MODIFY:
            return self.read_modify(element)
        if parts.kind == COUNT:
            return self.read_count(element)
        if parts.kind == GET_MORE:
            return self.read_get_more(element)
        if parts.kind == INSERT and named(element, b"documents", 9):
            return keep(&parts.query, element, BSON_ARRAY)
        if parts.kind == CREATE_INDEXES:
            return named(element, b"indexes", 7) and keep(&parts.query, element, BSON_ARRAY)
        if parts.kind in (COMMIT, CREATE, DROP, PING):
            return False
        return named(element, b"ordered", 7) and is_first(parts, ORDERED) and element.type == BSON_BOOL

    cdef bint read_find(self, const Element* element) noexcept:
        cdef Parts* parts = &self.parts
        if named(element, b"filter", 6):
            return keep(&parts.query, element, BSON_DOCUMENT)
        if named(element, b"limit", 5) and element.type == BSON_INT:
            parts.limit = read_int32(element.value)
            return is_first(parts, LIMIT) and parts.limit >= 0
        if named(element, b"sort", 4):
            return keep(&parts.sort, element, BSON_DOCUMENT)
        return named(element, b"singleBatch", 11) and is_first(parts, SINGLE_BATCH) and element.type == BSON_BOOL

    cdef bint read_modify(self, const Element* element) noexcept:
        cdef Parts* parts = &self.parts
        if named(element, b"query", 5):
            return keep(&parts.query, element, BSON_DOCUMENT)
        if named(element, b"update", 6):
            return keep(&parts.update, element, BSON_DOCUMENT)
        if named(element, b"new", 3) and element.type == BSON_BOOL:
            parts.returns_new = element.value[0]
            return is_first(parts, NEW)
        if named(element, b"upsert", 6):
            return is_first(parts, UPSERT) and is_false(element)
        return named(element, b"remove", 6) and is_first(parts, REMOVE) and is_false(element)

    cdef bint read_get_more(self, const Element* element) noexcept:
        cdef Parts* parts = &self.parts
        if named(element, b"collection", 10):
            return keep(&parts.query, element, BSON_STRING)
        if named(element, b"maxTimeMS", 9) and (element.type == BSON_INT or element.type == BSON_LONG):
            parts.wait_ms = read_int32(element.value) if element.type == BSON_INT else read_int64(element.value)
            return is_first(parts, MAX_TIME) and 0 < parts.wait_ms <= 2147483647
        if not named(element, b"batchSize", 9) or element.type != BSON_INT:
            return False
        parts.limit = read_int32(element.value)
        return is_first(parts, BATCH_SIZE) and parts.limit > 0

    cdef bint read_count(self, const Element* element) noexcept:
        if named(element, b"pipeline", 8):
            if element.type != BSON_ARRAY or self.parts.query.start != NULL or self.parts.update.start != NULL:
                return False
            return self.read_pipeline(element)
        return (
            named(element, b"cursor", 6)
            and is_first(&self.parts, CURSOR)
            and element.type == BSON_DOCUMENT
            and count_of(element.value) == 0
        )

    cdef bint read_pipeline(self, const Element* pipeline) noexcept:
        """Read the filter of the pipeline `[{$match: filter}, COUNTING]`, or the argument of `[{$group: argument}]` as `update`.

        Return 0 for any other pipeline.
        """
        cdef const uint8_t* cursor = first_element(pipeline.value)
        cdef const uint8_t* inner
        cdef Element match
        cdef Element group
        cdef Element field
        if not next_element(&cursor, &match) or match.type != BSON_DOCUMENT or count_of(match.value) != 1:
            return False
        inner = first_element(match.value)
        next_element(&inner, &field)
        if named(&field, b"$group", 6):
            return keep(&self.parts.update, &field, BSON_DOCUMENT) and not next_element(&cursor, &group)
        if not named(&field, b"$match", 6) or not keep(&self.parts.query, &field, BSON_DOCUMENT):
            return False
        if not next_element(&cursor, &group) or group.type != BSON_DOCUMENT or next_element(&cursor, &match):
            return False
        if group.value_len != PyBytes_GET_SIZE(COUNTING):
            return False
        return memcmp(group.value, PyBytes_AS_STRING(COUNTING), group.value_len) == 0

    cdef bint is_complete(self) noexcept:
        """Read the statement of an update or delete, and return whether the command has all parts that the lane needs."""
        cdef Parts* parts = &self.parts
        if not self.is_numbered() or parts.db.start == NULL or not is_plain_name(&parts.db):
            return False
        if parts.kind == COMMIT:
            return parts.name.type == BSON_INT and is_admin(&parts.db) and parts.in_transaction and not (parts.starts or parts.sequence_len)
        if parts.kind in (PING, GET_MORE, CREATE, CREATE_INDEXES, DROP) and (parts.documents != NULL or parts.number.start != NULL):
            return False
        if parts.kind == PING:
            return is_own_database(&parts.db) or is_admin(&parts.db)
        if parts.kind == GET_MORE:
            return is_own_database(&parts.db) and is_plain_name(&parts.query)
        if not is_own_database(&parts.db) or not is_plain_name(&parts.name):
            return False
        if parts.kind in (INSERT, CREATE, DROP):
            return parts.kind != INSERT or self.has_documents()
        if parts.kind == CREATE_INDEXES:
            return self.read_index()
        if parts.kind == UPDATE or parts.kind == DELETE:
            if parts.sequence_len != 7 or memcmp(parts.sequence, b"updates" if parts.kind == UPDATE else b"deletes", 7) != 0:
                return False
            if not self.read_statement():
                return False
        elif parts.sequence_len or (parts.kind == COUNT and not parts.seen & CURSOR):
            return False
        if parts.kind == COUNT and parts.update.start != NULL:
            return not parts.in_transaction
        if parts.kind in (UPDATE, MODIFY) and (parts.update.start == NULL or parts.update.type != BSON_DOCUMENT):
            return False
        if not read_only_field(&parts.query, &parts.field):
            return self.is_whole_query()
        if not is_plain_path(&parts.field, parts.kind == FIND or parts.is_multi):
            return False
        if parts.is_multi and parts.number.start != NULL:
            return False
        if parts.field.type == BSON_DOCUMENT:
            return self.read_range()
        return is_plain_value(&parts.field) and (parts.sort.start == NULL or (self.read_sort() and parts.is_sorted))

    cdef bint is_whole_query(self) noexcept:
        """Return whether the command reads all documents, outside transactions."""
        cdef Parts* parts = &self.parts
        if parts.kind not in (FIND, COUNT) or parts.in_transaction or parts.query.start == NULL or parts.sort.start != NULL:
            return False
        parts.is_whole = count_of(parts.query.value) == 0
        return parts.is_whole

    cdef bint read_range(self) noexcept:
        """Read the ends of the range of a find, and its sort; return 0 if an end or the sort is unusual."""
        cdef Parts* parts = &self.parts
        cdef Element end
        cdef const uint8_t* cursor = first_element(parts.field.value)
        if parts.kind != FIND:
            return False
        while next_element(&cursor, &end):
            if not self.read_end(&end):
                return False
        if parts.low.start == NULL and parts.high.start == NULL:
            return False
        if parts.low.start != NULL and parts.high.start != NULL and bracket_of(&parts.low) != bracket_of(&parts.high):
            return False
        parts.is_range = parts.sort.start == NULL or self.read_sort()
        return parts.is_range

    cdef bint read_end(self, const Element* end) noexcept:
        """Read one end of a range; return 0 if the operator is not a comparison, or if the range already has this end."""
        cdef Parts* parts = &self.parts
        cdef bint is_included = named(end, b"$gte", 4) or named(end, b"$lte", 4)
        if not is_included and not named(end, b"$gt", 3) and not named(end, b"$lt", 3):
            return False
        if not bracket_of(end):
            return False
        if end.name[1] == 103:  # g
            parts.low_included = is_included
            return keep(&parts.low, end, end.type)
        parts.high_included = is_included
        return keep(&parts.high, end, end.type)

    cdef bint read_sort(self) noexcept:
        """Read the sort by the query's field, or outside transactions by another field; return 0 for any other sort."""
        cdef Parts* parts = &self.parts
        if not read_only_field(&parts.sort, &parts.order) or parts.order.type != BSON_INT:
            return False
        parts.direction = read_int32(parts.order.value)
        if parts.direction != 1 and parts.direction != -1:
            return False
        parts.is_sorted = not named(&parts.order, parts.field.name, parts.field.name_len)
        # With a limit, the planner prefers an index in the order of the sort.
        return not parts.is_sorted or (parts.limit == 0 and not parts.in_transaction and is_plain_path(&parts.order, False))

    cdef bint is_numbered(self) noexcept:
        """Read the number of a retryable write or transaction; return 0 for an unusual number or combination of fields."""
        cdef Parts* parts = &self.parts
        if parts.number.start == NULL:
            return not (parts.in_transaction or parts.starts)
        parts.number_value = read_int64(parts.number.value)
        if parts.lsid.start == NULL or parts.number_value < 0:
            return False
        return parts.in_transaction or not (parts.starts or parts.kind in (FIND, COUNT))

    cdef bint has_documents(self) noexcept:
        """Return whether an insert has its documents in one place, and only one of them in a transaction."""
        cdef Parts* parts = &self.parts
        if parts.query.start != NULL:
            return parts.sequence_len == 0 and is_array_of_documents(&parts.query, 1 if parts.in_transaction else MOST_DOCUMENTS)
        if parts.sequence_len != 9 or memcmp(parts.sequence, b"documents", 9) != 0:
            return False
        return not parts.in_transaction or parts.documents + document_length(parts.documents) == parts.documents_end

    cdef bint read_statement(self) noexcept:
        """Read the only statement of an update or delete; return 0 if it is unusual."""
        cdef Parts* parts = &self.parts
        cdef const uint8_t* cursor = first_element(parts.documents)
        cdef Element element
        cdef bint usual
        cdef bint is_limited = parts.kind == UPDATE
        if parts.documents + document_length(parts.documents) != parts.documents_end:
            return False
        while next_element(&cursor, &element):
            if named(&element, b"q", 1):
                usual = keep(&parts.query, &element, BSON_DOCUMENT)
            elif parts.kind == DELETE:
                usual = not is_limited and named(&element, b"limit", 5) and element.type == BSON_INT and read_int32(element.value) == 1
                is_limited = True
            elif named(&element, b"u", 1):
                usual = keep(&parts.update, &element, BSON_DOCUMENT)
            elif named(&element, b"multi", 5):
                usual = is_first(parts, MULTI) and element.type == BSON_BOOL
                parts.is_multi = usual and element.value[0]
            else:
                usual = named(&element, b"upsert", 6) and is_first(parts, UPSERT) and is_false(&element)
            if not usual:
                return False
        return is_limited

    cdef bint read_index(self) noexcept:
        """Read the definition of the only index, and the field of its key pattern; return 0 if the definition is unusual."""
        cdef Parts* parts = &self.parts
        cdef Element definition, element, key, name
        cdef const uint8_t* cursor
        if parts.query.start == NULL or not is_array_of_documents(&parts.query, 1):
            return False
        cursor = first_element(parts.query.value)
        next_element(&cursor, &definition)
        key.start = name.start = NULL
        cursor = first_element(definition.value)
        while next_element(&cursor, &element):
            if named(&element, b"key", 3):
                if not keep(&key, &element, BSON_DOCUMENT):
                    return False
            elif not named(&element, b"name", 4) or not keep(&name, &element, BSON_STRING):
                return False
        if name.start == NULL or not is_plain_name(&name) or not read_only_field(&key, &parts.field):
            return False
        # The query is now the definition, which is all that the lane needs.
        parts.query = definition
        return parts.field.type == BSON_INT and read_int32(parts.field.value) in (1, -1) and is_plain_path(&parts.field, False)
