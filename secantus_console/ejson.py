"""Extended JSON for display and editing: the relaxed form, but with the exact type of each number.

An int32 is `5`, an int64 `{"$numberLong": "5"}`, a double `5.0`. Saving an unedited document therefore does not change it.
https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring
from typing import Any, Final

from bson import ObjectId, json_util
from bson import encode as encode_bson
from bson.errors import InvalidDocument
from bson.int64 import Int64
from bson.json_util import CANONICAL_JSON_OPTIONS, JSONMode, JSONOptions

from secantus_console.errors import InputError

_OPTIONS: Final = JSONOptions(json_mode=JSONMode.RELAXED, tz_aware=True)
#: The texts of the most frequent types. A page has hundreds of values, and the general way takes 10 us for each.
_TEXTS: Final[dict[type, Callable[[Any], str]]] = {
    str: encode_basestring,
    int: int.__repr__,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): lambda _value: "null",
    ObjectId: lambda value: f'{{"$oid": "{value}"}}',
}


def dumps(value: Any) -> str:
    """Return a value as one line of Extended JSON."""
    return json.dumps(plain(value), ensure_ascii=False)


def pretty(value: Any, margin: str = "\n") -> str:
    """Return a value as Extended JSON, with one line for each field and array element. A value such as `{"$oid": ...}` occupies only one
    line.

    Arguments:
        margin: a line end, followed by the indentation of the value.
    """
    text = _TEXTS.get(type(value))
    if text is not None:
        return text(value)
    inner = margin + "  "
    if isinstance(value, Mapping) and value:
        entries = [f"{inner}{encode_basestring(str(key))}: {pretty(entry, inner)}" for key, entry in value.items()]
        return f"{{{','.join(entries)}{margin}}}"
    if isinstance(value, list | tuple) and value:
        return f"[{','.join([inner + pretty(entry, inner) for entry in value])}{margin}]"
    return dumps(value)


def plain(value: Any) -> Any:
    """Convert a value to types that JSON can represent."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    # Code is a subclass of str, and Int64 of int.
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, Int64):
        return {"$numberLong": str(int(value))}
    if isinstance(value, float):
        return value if math.isfinite(value) else json_util.default(value, CANONICAL_JSON_OPTIONS)
    return plain(json_util.default(value, _OPTIONS))


def canonical(value: Any) -> str:
    """Return a value as canonical Extended JSON, which preserves every type."""
    return json_util.dumps(value, json_options=CANONICAL_JSON_OPTIONS)


def loads(text: str, what: str) -> Any:
    """Parse Extended JSON.

    Arguments:
        what: describes the text in the error message.

    Raises:
        InputError: the text is not Extended JSON, or BSON cannot represent the value.
    """
    try:
        value = json_util.loads(text, json_options=_OPTIONS)
    except json.JSONDecodeError as error:
        raise InputError(f"{what} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise InputError(f"{what} is nested too deeply.") from None
    except Exception as error:  # noqa: BLE001 - bson raises errors of many types for invalid $-forms
        raise InputError(f"{what} is not Extended JSON: {error}.") from None
    try:
        encode_bson({"": value})
    except UnicodeError:
        raise InputError(f"{what} contains a character that is not Unicode.") from None
    except (OverflowError, InvalidDocument) as error:
        # For example an integer of more than 64 bits, or a field name with a null character.
        raise InputError(f"{what} has no BSON form: {error}.") from None
    return value


def document(text: str, what: str) -> dict[str, Any]:
    """Parse a document in Extended JSON.

    Raises:
        InputError: the text is not a document.
    """
    value = loads(text, what)
    if not isinstance(value, dict):
        raise InputError(f"{what} must be a document, such as {{}}.")
    return value


def documents(text: str, what: str) -> list[dict[str, Any]]:
    """Parse documents in Extended JSON: one document, an array of documents, or one document per line.

    Raises:
        InputError: the text contains anything else.
    """
    try:
        value = loads(text, what)
    except InputError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or not all(line.strip().endswith("}") for line in lines):
            raise
        value = [loads(line, f"Line {number} of {what.lower()}") for number, line in enumerate(lines, 1)]
    found = value if isinstance(value, list) else [value]
    if not found or not all(isinstance(entry, dict) for entry in found):
        raise InputError(f"{what} must be a document, an array of documents, or one document per line.")
    return found
