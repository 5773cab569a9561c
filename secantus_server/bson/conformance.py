"""Checks the rules of the BSON specification that `validate` does not check.

https://bsonspec.org/spec.html
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from

_SIZES = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0x7F: 0, 0xFF: 0}
_STRINGS = (0x02, 0x0D, 0x0E)
_DOCUMENT, _ARRAY, _BINARY, _REGEX, _POINTER, _CODE_WITH_SCOPE = 0x03, 0x04, 0x05, 0x0B, 0x0C, 0x0F
# The subtypes of old UUIDs, UUIDs and MD5 sums.
_SUBTYPES_OF_16_BYTES = (3, 4, 5)


def nonconformity(document: bytes) -> str | None:
    """Describe the first violation of the BSON specification in a document that `validate` accepts. Return None if there is no violation.

    The rules are: field names in a document are unique; the field names in an array are the consecutive numbers from 0; names and strings
    are UTF-8; the options of a regular expression are in alphabetical order; UUIDs and MD5 sums have 16 bytes.
    """
    return next(_findings(document, 0, is_array=False), None)


def _findings(data: bytes, start: int, *, is_array: bool) -> Iterator[str]:
    end = start + int(unpack_from("<i", data, start)[0]) - 1
    at = start + 4
    names: set[bytes] = set()
    while at < end:
        kind = data[at]
        name_end = data.index(0, at)
        name = data[at + 1 : name_end]
        if not _is_text(name):
            yield "a field name is not UTF-8"
        if is_array and name != str(len(names)).encode():
            yield "the items of an array are not numbered in their order"
        elif name in names:
            yield f"there are two fields {name.decode(errors='replace')!r}"
        names.add(name)
        at = name_end + 1
        yield from _findings_of_value(data, at, kind)
        at += _size(data, at, kind)


def _findings_of_value(data: bytes, at: int, kind: int) -> Iterator[str]:
    if kind in _STRINGS or kind == _POINTER:
        if not _is_text(_string(data, at)):
            yield "a string is not UTF-8"
    elif kind in (_DOCUMENT, _ARRAY):
        yield from _findings(data, at, is_array=kind == _ARRAY)
    elif kind == _BINARY:
        if data[at + 4] in _SUBTYPES_OF_16_BYTES and unpack_from("<i", data, at)[0] != 16:
            yield "a UUID or an MD5 sum has not 16 bytes"
    elif kind == _REGEX:
        pattern_end = data.index(0, at)
        options = data[pattern_end + 1 : data.index(0, pattern_end + 1)]
        if not _is_text(data[at:pattern_end]):
            yield "a regular expression is not UTF-8"
        if list(options) != sorted(options):
            yield "the options of a regular expression are not in alphabetical order"
    elif kind == _CODE_WITH_SCOPE:
        code = _string(data, at + 4)
        if not _is_text(code):
            yield "code is not UTF-8"
        yield from _findings(data, at + 9 + len(code), is_array=False)


def _size(data: bytes, at: int, kind: int) -> int:
    """Return the size in bytes of the value of type `kind` that starts at index `at`."""
    if kind in _SIZES:
        return _SIZES[kind]
    if kind == _REGEX:
        return data.index(0, data.index(0, at) + 1) + 1 - at
    length = int(unpack_from("<i", data, at)[0])
    if kind in _STRINGS:
        return length + 4
    return {_BINARY: length + 5, _POINTER: length + 16}.get(kind, length)


def _string(data: bytes, at: int) -> bytes:
    return data[at + 4 : at + 3 + int(unpack_from("<i", data, at)[0])]


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
