"""Converts a `$v: 2` diff from the oplog to the format of change events, or applies the diff to a document.

https://www.mongodb.com/docs/manual/reference/change-events/update/
"""

from __future__ import annotations

from typing import Any

Path = tuple[str | int, ...]


class UpdateDescription:
    """The changes of an oplog diff in the form of a change event's `updateDescription`.

    Arguments:
        diff: the decoded diff.
    """

    def __init__(self, diff: dict[str, Any]) -> None:
        self._updated: dict[str, Any] = {}
        self._removed: list[str] = []
        self._truncated: list[dict[str, Any]] = []
        self._ambiguous: dict[str, list[str | int]] = {}
        self._document(diff, ())

    def document(self, *, expanded: bool) -> dict[str, Any]:
        """Return the `updateDescription` document of the change event.

        Arguments:
            expanded: whether to include `disambiguatedPaths`.
        """
        shown = {"updatedFields": self._updated, "removedFields": self._removed, "truncatedArrays": self._truncated}
        return {**shown, "disambiguatedPaths": self._ambiguous} if expanded else shown

    def _document(self, diff: dict[str, Any], path: Path) -> None:
        for name in diff.get("d", ()):
            self._removed.append(self._name((*path, name)))
        for section in ("u", "i"):
            for name, value in diff.get(section, {}).items():
                self._updated[self._name((*path, name))] = value
        for key, inner in diff.items():
            if key[0] == "s":
                self._nested(inner, (*path, key[1:]))

    def _nested(self, diff: dict[str, Any], path: Path) -> None:
        if not diff.get("a"):
            self._document(diff, path)
            return
        if "l" in diff:
            self._truncated.append({"field": self._name(path), "newSize": diff["l"]})
        for key, value in diff.items():
            if key[0] == "u":
                self._updated[self._name((*path, int(key[1:])))] = value
            elif key[0] == "s":
                self._nested(value, (*path, int(key[1:])))

    def _name(self, path: Path) -> str:
        """Return a field path in dotted form. If that form is ambiguous, record the path for `disambiguatedPaths`."""
        name = ".".join(map(str, path))
        if any(type(part) is str and ("." in part or (place and _is_index(part))) for place, part in enumerate(path)):
            self._ambiguous[name] = list(path)
        return name


def _is_index(name: str) -> bool:
    """Return whether a field's name could be an array index."""
    return name.isascii() and name.isdigit() and (name == "0" or name[0] != "0")


def apply_diff(document: dict[str, Any], diff: dict[str, Any]) -> dict[str, Any]:
    """Return a document with the changes of a diff applied.

    If the diff changes an embedded document or array, but the field now has a value of another type, the value remains unchanged. This
    happens if an entry is applied again after a later entry has replaced the value.
    """
    removed = diff.get("d", {})
    result = {name: value for name, value in document.items() if name not in removed}
    result.update(diff.get("u", {}))
    for name, value in diff.get("i", {}).items():
        result.pop(name, None)
        result[name] = value
    for key, inner in diff.items():
        if key[0] == "s" and key[1:] in result:
            result[key[1:]] = _apply_nested(result[key[1:]], inner)
    return result


def _apply_nested(value: Any, diff: dict[str, Any]) -> Any:
    if not diff.get("a"):
        return apply_diff(value, diff) if type(value) is dict else value
    if type(value) is not list:
        return value
    items = value[: diff["l"]] if "l" in diff else list(value)
    for key, inner in diff.items():
        if key[0] in "us":
            index = int(key[1:])
            items += [None] * (index + 1 - len(items))
            items[index] = inner if key[0] == "u" else _apply_nested(items[index], inner)
    return items
