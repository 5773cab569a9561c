"""Applying the oplog's `$v: 2` diff of an update to a document.

A diff has the sections `d` (removed fields), `u` (new values), `i` (new fields, appended) and `s<field>` (the diff of an embedded document
or array). The diff of an array is `a: true`, the new length `l`, and `u<index>` and `s<index>`. `mql/update/_diff.pyx` makes them.
"""

from __future__ import annotations

from typing import Any

from secantus_server.errors import CommandError

_FAILED = 4772600


def apply_diff(document: dict[str, Any], diff: dict[str, Any]) -> dict[str, Any]:
    """Return a document with a diff applied.

    Raises:
        CommandError: 4772600 if the diff is malformed.
    """
    result = {name: value for name, value in document.items() if name not in diff.get("d", {})}
    for section, content in diff.items():
        if section == "u":
            result.update(content)
        elif section == "i":
            for name, value in content.items():
                result.pop(name, None)
                result[name] = value
        elif section.startswith("s") and type(content) is dict:
            _change_field(result, section[1:], content)
        elif section != "d":
            raise CommandError(_FAILED, f"the diff of an update has an unknown section {section!r}")
    return result


def _change_field(document: dict[str, Any], name: str, diff: dict[str, Any]) -> None:
    """Apply the diff of an embedded document or array; one of another type is left alone, as a later entry has changed it."""
    value = document.get(name)
    if diff.get("a") is True:
        if type(value) is list:
            document[name] = _apply_to_array(value, diff)
    elif type(value) is dict:
        document[name] = apply_diff(value, diff)


def _apply_to_array(array: list[Any], diff: dict[str, Any]) -> list[Any]:
    length = diff.get("l")
    result = array[: int(length)] if length is not None else list(array)
    for section, content in diff.items():
        if section in ("a", "l"):
            continue
        kind, digits = section[:1], section[1:]
        if kind not in ("u", "s") or not digits.isdigit():
            raise CommandError(_FAILED, f"the diff of an array has an unknown section {section!r}")
        index = int(digits)
        result += [None] * (index + 1 - len(result))
        if kind == "u":
            result[index] = content
        else:
            inner = {digits: result[index]}
            _change_field(inner, digits, content)
            result[index] = inner[digits]
    return result
