"""Rewrites aggregation expressions over the metadata of measurements as expressions over buckets.

https://www.mongodb.com/docs/manual/core/timeseries/timeseries-limitations/#updates-and-deletes
"""

from __future__ import annotations

from typing import Any

META = "meta"
_DOCUMENT = ("ROOT", "CURRENT")


class OtherField(Exception):
    """Raised if an expression reads anything other than the metadata."""


def renamed_path(path: str, meta_field: str) -> str | None:
    """Translate a path in the metadata to the corresponding path in buckets. Return None for a path outside the metadata."""
    if path == meta_field:
        return META
    return META + path[len(meta_field) :] if path.startswith(f"{meta_field}.") else None


def draws_random(spec: Any) -> bool:
    """Return whether a filter or expression contains `$rand`."""
    if type(spec) is dict:
        return "$rand" in spec or any(map(draws_random, spec.values()))
    return type(spec) is list and any(map(draws_random, spec))


def renamed_expression(spec: Any, meta_field: str) -> Any:
    """Translate a valid expression over the metadata by replacing its paths with the corresponding paths in buckets.

    Raises:
        OtherField: the expression reads another field, or the whole document.
    """
    if type(spec) is str:
        return _renamed_string(spec, meta_field)
    if type(spec) is list:
        return [renamed_expression(item, meta_field) for item in spec]
    if type(spec) is not dict or "$literal" in spec or "$const" in spec:
        return spec
    if "$getField" in spec:
        return {"$getField": _renamed_get_field(spec["$getField"], meta_field)}
    if "$let" in spec and type(spec["$let"]) is dict and "CURRENT" in spec["$let"].get("vars", ()):
        raise OtherField
    return {name: renamed_expression(value, meta_field) for name, value in spec.items()}


def _renamed_string(text: str, meta_field: str) -> str:
    if not text.startswith("$"):
        return text
    if not text.startswith("$$"):
        return "$" + _renamed_field(text[1:], meta_field)
    variable, _, path = text[2:].partition(".")
    return f"$${variable}.{_renamed_field(path, meta_field)}" if variable in _DOCUMENT else text


def _renamed_field(path: str, meta_field: str) -> str:
    found = renamed_path(path, meta_field)
    if found is None:
        raise OtherField
    return found


def _renamed_get_field(argument: Any, meta_field: str) -> Any:
    """Translate the argument of `$getField` by renaming the metadata's field as in buckets.

    Without `input`, `$getField` reads a top-level field of the document. A dot in the field's name does not separate path components.

    Raises:
        OtherField: the expression reads another field.
    """
    explicit = type(argument) is dict and "field" in argument
    if explicit and "input" in argument:
        return renamed_expression(argument, meta_field)
    if (argument["field"] if explicit else argument) != meta_field:
        raise OtherField
    return META
