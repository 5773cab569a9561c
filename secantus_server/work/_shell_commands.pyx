# cython: language_level=3
"""Conversion of commands to mongosh syntax and to query shapes, compiled because a report of a test run converts every command.

https://www.mongodb.com/docs/manual/reference/mongosh-methods/
"""

from secantus_server.work._shell_text cimport HIDING, TYPED, Mode, Output, put_any, put_raw

from secantus_server.bson import RawDocument, encode
from secantus_server.work._shell_text import field_name, fields_of, has_operators, hidden, plain, typed

# The fields that drivers add to every command.
_OF_DRIVERS = frozenset(["$db", "lsid", "$clusterTime", "txnNumber", "$readPreference", "startTransaction", "autocommit", "apiVersion"])
cdef tuple _ENCODED_OF_DRIVERS = tuple([name.encode() for name in _OF_DRIVERS])
#: The maximum number of a command's statements that are shown.
MAX_STATEMENTS = 5

# The arguments of findAndModify that contain values rather than options.
_WITH_CONSTANTS = frozenset(["query", "update", "arrayFilters", "let", "maxTimeMS", "comment"])


def command_text(str name not None, dict body not None, list statements not None, Py_ssize_t count):
    """Return a command in mongosh syntax.

    Arguments:
        name: the command's name.
        body: the command document in the form that `plain_body` or `body_fields` returns.
        statements: the command's first documents or statements, of which the text shows some. Those that are bytes are encoded.
        count: the total number of the command's documents or statements.
    """
    return text_of(name, body, statements, count, TYPED)


def command_shape(str name not None, dict body not None, list statements not None):
    """Return the shape of a command: its mongosh syntax with `?` in place of constants. See `command_text` for the arguments."""
    return text_of(name, body, statements[:1], 1, HIDING)


def plain_body(dict body not None):
    """Return a command document with decoded arguments and without the fields that drivers add to every command."""
    return {key: plain(value) for key, value in body.items() if key not in _OF_DRIVERS}


def body_fields(bytes body not None):
    """Return the fields of an encoded command, without those that drivers add to every command. Their documents are still encoded."""
    return fields_of(body, _ENCODED_OF_DRIVERS)


cdef str text_of(str name, dict shown, list statements, Py_ssize_t count, Mode mode):
    """Return the text of a command, or its shape. See `command_text` for the arguments."""
    cdef Output output = Output.__new__(Output)
    text = typed if mode == TYPED else hidden
    target = shown.get(name)
    if type(target) is str and name in READS:
        put_collection(output, target)
        put_read(output, READS[name], name, shown, mode)
    elif type(target) is str and name in WRITES and statements and (name == "insert" or are_documents(statements)):
        put_write(output, name, target, statements[:MAX_STATEMENTS], count, mode)
    elif name == "bulkWrite" and statements:
        output.put_text(_bulk_write(shown, statements, count, text))
    elif type(target) is str and name == "createIndexes" and type(indexes := plain(shown.get("indexes"))) is list and are_documents(indexes):
        output.put_text(_create_indexes(target, indexes))
    else:
        output.put_text(_run_command(name, shown, text))
    return output.text()


cdef bint are_documents(list items) except -1:
    """Return whether the first items are documents. A command with other items has failed."""
    cdef Py_ssize_t place
    for place in range(min(len(items), <Py_ssize_t>MAX_STATEMENTS)):
        if type(items[place]) is not bytes and type(plain(items[place])) is not dict:
            return False
    return True


def collection_text(str name not None):
    """Return the mongosh expression for a collection."""
    return f"db.{name}" if name.isidentifier() and name.isascii() else f"db.getCollection({typed(name)})"


cdef int put_collection(Output output, str name) except -1:
    return output.put_text(collection_text(name))


cdef int put_read(Output output, Read kind, str name, dict body, Mode mode) except -1:
    """Add the method of a read, or of another command that mongosh runs on a collection, with its arguments."""
    if kind == FIND:
        return put_find(output, body, mode)
    if kind == AGGREGATE:
        return put_aggregate(output, body, mode)
    if kind == DROP:
        return output.put(".drop()", 7)
    if kind == FIND_AND_MODIFY:
        return put_find_and_modify(output, name, body, mode)
    query = body.get("query")
    if kind == COUNT:
        output.put(".count(", 7)
    else:
        output.put(".distinct(", 10)
        put_any(output, body.get("key"), TYPED)
        if query:
            output.put(", ", 2)
    if query:
        put_any(output, query, mode)
    return output.put(")", 1)


cdef int put_find(Output output, dict body, Mode mode) except -1:
    query, projection = body.get("filter"), body.get("projection")
    output.put(".find(", 6)
    if query:
        put_any(output, query, mode)
    elif projection:
        output.put("{}", 2)
    if projection:
        output.put(", ", 2)
        put_any(output, projection, TYPED)
    output.put(")", 1)
    put_option(output, ".sort(", body.get("sort"), TYPED)
    put_option(output, ".hint(", body.get("hint"), TYPED)
    put_option(output, ".skip(", body.get("skip"), mode)
    put_option(output, ".limit(", body.get("limit"), mode)
    return put_option(output, ".collation(", body.get("collation"), TYPED)


cdef int put_option(Output output, str method, value, Mode mode) except -1:
    """Add a method of a cursor, unless its value is false."""
    if not value:
        return 0
    output.put_text(method)
    put_any(output, value, mode)
    return output.put(")", 1)


cdef int put_aggregate(Output output, dict body, Mode mode) except -1:
    options = {key: body[key] for key in ("allowDiskUse", "hint", "collation", "let") if body.get(key)}
    output.put(".aggregate(", 11)
    put_any(output, body.get("pipeline"), mode)
    if options:
        output.put_text(f", {_options(options, typed if mode == TYPED else hidden)}")
    return output.put(")", 1)


cdef str _options(dict options, text):
    """Return options, none of which is an operator, as a document."""
    return f"{{ {', '.join([f'{field_name(key)}: {text(value)}' for key, value in options.items()])} }}"


cdef int put_find_and_modify(Output output, str name, dict body, Mode mode) except -1:
    cdef bint is_first = True
    output.put(".findAndModify({ ", 17)
    for key, value in body.items():
        if key != name and key != "writeConcern":
            output.put_text(f"{key}: " if is_first else f", {key}: ")
            put_any(output, value, mode if key in _WITH_CONSTANTS else TYPED)
            is_first = False
    return output.put(" })", 3)


# The commands that mongosh runs by a method of a collection without statements.
cdef enum Read:
    FIND
    AGGREGATE
    DISTINCT
    COUNT
    DROP
    FIND_AND_MODIFY
cdef dict READS = {
    "find": FIND, "aggregate": AGGREGATE, "distinct": DISTINCT, "count": COUNT, "drop": DROP, "findAndModify": FIND_AND_MODIFY,
    "findandmodify": FIND_AND_MODIFY,
}  # fmt: skip
cdef frozenset WRITES = frozenset(["insert", "update", "delete"])


cdef int put_write(Output output, str name, str target, list statements, Py_ssize_t count, Mode mode) except -1:
    """Add the methods of a write, which in mongosh are several calls for several updates or deletes."""
    cdef str more = f"/* {count - len(statements)} more */" if count > len(statements) else ""
    cdef str collection = collection_text(target)
    cdef bint is_first = True
    if name == "insert":
        output.put_text(collection)
        return put_insert(output, statements, count, more, mode)
    for one in statements:
        if not is_first:
            output.put("; ", 2)
        is_first = False
        output.put_text(collection)
        statement = fields_of(one if type(one) is bytes else encode(plain(one)))
        put_update(output, statement, mode) if name == "update" else put_delete(output, statement, mode)
    return output.put_text(f"; {more}") if more else 0


cdef int put_insert(Output output, list documents, Py_ssize_t count, str more, Mode mode) except -1:
    cdef bint is_first = True
    if mode != TYPED:
        return output.put(".insert(?)", 10)
    output.put(".insertOne(", 11) if count == 1 else output.put(".insertMany([", 13)
    for document in documents:
        if not is_first:
            output.put(", ", 2)
        is_first = False
        if type(document) is bytes:
            put_raw(output, document, TYPED)
        else:
            put_any(output, document, TYPED)
    if more:
        output.put_text(f", {more}")
    return output.put(")", 1) if count == 1 else output.put("])", 2)


cdef int put_update(Output output, dict statement, Mode mode) except -1:
    change = statement.get("u")
    if has_operators(change) is False:
        output.put(".replaceOne(", 12)
    elif statement.get("multi"):
        output.put(".updateMany(", 12)
    else:
        output.put(".updateOne(", 11)
    put_any(output, statement.get("q"), mode)
    output.put(", ", 2)
    put_any(output, change, mode)
    options = {key: value for key, value in statement.items() if key not in ("q", "u", "multi") and value not in (None, False)}
    if options:
        output.put_text(f", {_options(options, typed)}")
    return output.put(")", 1)


cdef int put_delete(Output output, dict statement, Mode mode) except -1:
    output.put(".deleteOne(", 11) if statement.get("limit") else output.put(".deleteMany(", 12)
    put_any(output, statement.get("q"), mode)
    return output.put(")", 1)


cdef object _document(one):
    return RawDocument(one) if type(one) is bytes else one


cdef str _create_indexes(str target, list indexes):
    made = []
    for index in map(plain, indexes):
        options = {key: value for key, value in index.items() if key not in ("key", "v")}
        made.append(f"{collection_text(target)}.createIndex({typed(index.get('key'))}, {typed(options)})")
    return "; ".join(made)


cdef str _bulk_write(dict body, list operations, Py_ssize_t count, text):
    more = f"/* {count - len(operations)} more */" if count > len(operations) else ""
    ops = ", ".join([*[text(_document(one)) for one in operations], *[more] * bool(more)])
    others = {key: value for key, value in body.items() if key not in ("bulkWrite", "ops", "nsInfo", "writeConcern")}
    fields = ["bulkWrite: 1", f"ops: [{ops}]"]
    if "nsInfo" in body:
        fields.append(f"nsInfo: {typed(body['nsInfo'])}")
    fields += [f"{field_name(key)}: {text(value)}" for key, value in others.items()]
    return f"db.runCommand({{ {', '.join(fields)} }})"


cdef str _run_command(str name, dict body, text):
    others = {key: value for key, value in body.items() if key not in (name, "writeConcern")}
    if name == "getMore":
        return f"db.runCommand({{ getMore: {text(body.get(name))}, collection: {typed(body.get('collection'))} }})"
    first = f"{field_name(name)}: {typed(body.get(name))}"
    fields = ", ".join([first, *(f"{field_name(key)}: {text(value)}" for key, value in others.items())])
    return f"db.runCommand({{ {fields} }})"
