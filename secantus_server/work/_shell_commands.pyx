# cython: language_level=3
"""Conversion of commands to mongosh syntax and to query shapes, compiled because a report of a test run converts every command.

https://www.mongodb.com/docs/manual/reference/mongosh-methods/
"""

from secantus_server.bson import RawDocument, encode
from secantus_server.work._shell_text import field_name, fields_of, has_operators, hidden, plain, typed
from secantus_server.work.shell_values import HIDDEN

# The fields that drivers add to every command.
_OF_DRIVERS = frozenset(["$db", "lsid", "$clusterTime", "txnNumber", "$readPreference", "startTransaction", "autocommit", "apiVersion"])
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
    return _text(name, body, statements, count, typed)


def command_shape(str name not None, dict body not None, list statements not None):
    """Return the shape of a command: its mongosh syntax with `?` in place of constants. See `command_text` for the arguments."""
    return _text(name, body, statements[:1], 1, hidden)


def plain_body(dict body not None):
    """Return a command document with decoded arguments and without the fields that drivers add to every command."""
    return {key: plain(value) for key, value in body.items() if key not in _OF_DRIVERS}


def body_fields(bytes body not None):
    """Return the fields of an encoded command, without those that drivers add to every command. Their documents are still encoded."""
    return fields_of(body, _OF_DRIVERS)


cdef str _text(str name, dict shown, list statements, Py_ssize_t count, text):
    target = shown.get(name)
    if type(target) is str and name in _READS:
        return collection_text(target) + _READS[name](name, shown, text)
    if type(target) is str and name in _WRITES and statements and (name == "insert" or are_documents(statements[:MAX_STATEMENTS])):
        return _write(name, collection_text(target), statements[:MAX_STATEMENTS], count, text)
    if name == "bulkWrite" and statements:
        return _bulk_write(shown, statements, count, text)
    if type(target) is str and name == "createIndexes" and type(indexes := plain(shown.get("indexes"))) is list and are_documents(indexes):
        return _create_indexes(target, indexes)
    return _run_command(name, shown, text)


cdef bint are_documents(list items):
    """Return whether all items are documents. A command with other items has failed."""
    for item in items:
        if type(item) is not bytes and type(plain(item)) is not dict:
            return False
    return True


def collection_text(str name not None):
    """Return the mongosh expression for a collection."""
    return f"db.{name}" if name.isidentifier() and name.isascii() else f"db.getCollection({typed(name)})"


def _find(str _name, dict body, text):
    arguments = [text(body.get("filter") or {})]
    if body.get("projection"):
        arguments.append(typed(body["projection"]))
    if arguments == ["{}"]:
        arguments = []
    shown = f".find({', '.join(arguments)})"
    for option in ("sort", "hint"):
        shown += f".{option}({typed(body[option])})" if body.get(option) else ""
    for option in ("skip", "limit"):
        shown += f".{option}({text(body[option])})" if body.get(option) else ""
    return shown + (f".collation({typed(body['collation'])})" if body.get("collation") else "")


def _aggregate(str _name, dict body, text):
    options = {key: body[key] for key in ("allowDiskUse", "hint", "collation", "let") if body.get(key)}
    return f".aggregate({text(body.get('pipeline'))}{f', {_options(options, text)}' if options else ''})"


cdef str _options(dict options, text):
    """Return options, none of which is an operator, as a document."""
    return f"{{ {', '.join([f'{field_name(key)}: {text(value)}' for key, value in options.items()])} }}"


def _distinct(str _name, dict body, text):
    return f".distinct({typed(body.get('key'))}{', ' + text(body['query']) if body.get('query') else ''})"


def _count(str _name, dict body, text):
    return f".count({text(body['query']) if body.get('query') else ''})"


def _find_and_modify(str name, dict body, text):
    shown = {key: value for key, value in body.items() if key not in (name, "writeConcern")}
    fields = [f"{key}: {(text if key in _WITH_CONSTANTS else typed)(value)}" for key, value in shown.items()]
    return f".findAndModify({{ {', '.join(fields)} }})"


def _drop(str _name, dict _body, _text):
    return ".drop()"


cdef dict _READS = {
    "find": _find, "aggregate": _aggregate, "distinct": _distinct, "count": _count, "drop": _drop,
    "findAndModify": _find_and_modify, "findandmodify": _find_and_modify,
}  # fmt: skip


def _update(dict statement, text):
    change = statement.get("u")
    method = "replaceOne" if has_operators(change) is False else "updateMany" if statement.get("multi") else "updateOne"
    options = {key: value for key, value in statement.items() if key not in ("q", "u", "multi") and value not in (None, False)}
    return f".{method}({text(statement.get('q'))}, {text(change)}{', ' + _options(options, typed) if options else ''})"


def _delete(dict statement, text):
    method = "deleteOne" if statement.get("limit") else "deleteMany"
    return f".{method}({text(statement.get('q'))})"


cdef dict _WRITES = {"insert": None, "update": _update, "delete": _delete}


cdef str _write(str name, str collection, list statements, Py_ssize_t count, text):
    of_one = _WRITES[name]
    more = f"/* {count - len(statements)} more */" if count > len(statements) else ""
    if of_one is not None:
        found = [fields_of(one if type(one) is bytes else encode(plain(one))) for one in statements]
        return "; ".join([collection + of_one(one, text) for one in found] + [more] * bool(more))
    if text is hidden:
        return f"{collection}.insert({HIDDEN})"
    shown = [text(_document(one)) for one in statements]
    if count == 1:
        return f"{collection}.insertOne({shown[0]})"
    return f"{collection}.insertMany([{', '.join([*shown, *[more] * bool(more)])}])"


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
