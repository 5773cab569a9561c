# cython: language_level=3
"""Conversion of documents to mongosh syntax, compiled because a report of a test run converts every command of every test.

The conversion either keeps constants or, for the shapes of commands, writes `?` in place of each constant.
"""

from json.encoder import encode_basestring, encode_basestring_ascii

from secantus_server.bson import RawArray, RawDocument, decode
from secantus_server.work.shell_values import HIDDEN, MAX_ITEMS, MAX_STRING, NAMING, STRUCTURE, rare_value

cdef enum Mode:
    # Values with their constants, values without them, and values whose strings are names, which the shape keeps.
    TYPED
    HIDING
    NAMES

cdef frozenset structure = STRUCTURE
cdef frozenset naming = NAMING
cdef str placeholder = HIDDEN
cdef Py_ssize_t longest_string = MAX_STRING
cdef Py_ssize_t most_items = MAX_ITEMS


def plain(value):
    """Return a value after decoding it if it is a raw document or a raw array."""
    kind = type(value)
    if kind is RawDocument:
        return decode(value.data)
    if kind is RawArray:
        return [decode(document) for document in value.documents]
    return value


def typed(value):
    """Return a value in mongosh syntax, with long texts and arrays truncated."""
    return typed_text(value)


def hidden(value):
    """Return a value in mongosh syntax with `?` in place of each constant. Field names, operators and paths such as `$total` remain
    visible.
    """
    return hidden_text(value)


def field_name(str name not None):
    """Return a field's name in mongosh syntax, with quotes unless it is an identifier."""
    return name_text(name)


cdef str typed_text(value):
    kind = type(value)
    if kind is str:
        return encode_basestring(value if len(<str>value) <= longest_string else f"{(<str>value)[:longest_string]}...")
    if kind is int:
        return str(value)
    if kind is dict:
        return document_text(<dict>value, TYPED)
    if kind is list:
        return array_text(<list>value)
    if kind is bool:
        return "true" if value else "false"
    if value is None:
        return "null"
    if kind is RawDocument or kind is RawArray:
        return typed_text(plain(value))
    return rare_value(value, typed)


cdef str hidden_text(value):
    kind = type(value)
    if kind is str:
        return encode_basestring_ascii(value) if (<str>value).startswith("$") else placeholder
    if kind is dict:
        return document_text(<dict>value, HIDING)
    if kind is list:
        return f"[{', '.join(dict.fromkeys([hidden_text(item) for item in <list>value]))}]"
    if kind is RawDocument or kind is RawArray:
        return hidden_text(plain(value))
    return placeholder


cdef str array_text(list items):
    cdef list shown = [typed_text(item) for item in items[:most_items]]
    if len(items) > most_items:
        shown.append(f"/* {len(items) - most_items} more */")
    return f"[{', '.join(shown)}]"


cdef str document_text(dict document, Mode mode):
    cdef list fields = []
    cdef Mode inner
    cdef str name
    for name, value in document.items():
        inner = mode if mode == TYPED or not name.startswith("$") else TYPED if name in structure else NAMES if name in naming else mode
        if inner == NAMES and type(value) is dict:
            text = document_text(<dict>value, NAMES)
        elif inner == TYPED or (inner == NAMES and type(value) is str):
            text = typed_text(value)
        else:
            text = hidden_text(value)
        fields.append(f"{name_text(name)}: {text}")
    return f"{{ {', '.join(fields)} }}" if fields else "{}"


cdef str name_text(str name):
    return name if name.removeprefix("$").isidentifier() else encode_basestring(name)
