"""Parses and validates strings that start with `$`, which are field paths or variables.

https://www.mongodb.com/docs/manual/meta/aggregation-quick-reference/#field-paths
https://www.mongodb.com/docs/manual/reference/aggregation-variables/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.context import Cell, ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression, FieldPath, Root, Variable, VariablePath

MAX_PATH_COMPONENTS = 200
# The fields of a DBRef, which are the only names in a path that may start with `$`.
DBREF_NAMES = frozenset(["$id", "$ref", "$db"])


def parse_path_string(text: str, ctx: ParseContext) -> Expression:
    """Parse a field path or variable, such as `$a.b`, `$$variable` or `$$variable.a.b`.

    Raises:
        CommandError: 17276 for an undefined variable, and other codes for an empty or malformed path.
    """
    if text.startswith("$$"):
        return _parse_variable(text[2:], ctx)
    if text == "$":
        raise CommandError(16872, "'$' by itself is not a valid FieldPath")
    path = text[1:]
    validate_path(path)
    return _current(path, ctx)


def validate_path(path: str) -> None:
    """Validate a dotted path without its `$`.

    Raises:
        CommandError: 40353, 15998, 16410, 16411 for a malformed path, 15 for a path that is too deep.
    """
    if path.endswith("."):
        raise CommandError(40353, "FieldPath must not end with a '.'.")
    names = path.split(".")
    if len(names) > MAX_PATH_COMPONENTS:
        raise CommandError(15, "FieldPath is too long")
    for name in names:
        _validate_component(name)


def validate_field_name(name: str) -> None:
    """Validate a field name of an object expression, which is a single path component.

    Raises:
        CommandError: the errors of `validate_path`, and 16412 for a dot.
    """
    _validate_component(name)
    if "." in name:
        raise CommandError(16412, "FieldPath field names may not contain '.'. Consider using $getField or $setField.")


def validate_variable_name(name: str) -> None:
    """Validate the name of a user variable.

    Raises:
        CommandError: 9 for a name that starts with a capital or contains characters other than letters, digits and `_`.
    """
    if not name:
        raise CommandError(9, "empty variable names are not allowed")
    if name == "CURRENT":
        return
    if not ("a" <= name[0] <= "z" or name[0] > "\x7f"):
        raise CommandError(9, f"'{name}' starts with an invalid character for a user variable name")
    _validate_variable_characters(name)


def reads_document(spec: Any) -> bool:
    """Return whether the value of a valid expression depends on the current document."""
    if type(spec) is str:
        return spec.startswith("$") and (not spec.startswith("$$") or spec[2:].partition(".")[0] in ("ROOT", "CURRENT"))
    if type(spec) is list:
        return any(map(reads_document, spec))
    if type(spec) is not dict or "$literal" in spec or "$const" in spec:
        return False
    field = spec.get("$getField")
    if type(field) is str or (type(field) is dict and "input" not in field):
        return True
    return any(map(reads_document, spec.values()))


def reads_time(spec: Any) -> bool:
    """Return whether an expression uses `$$NOW` or `$$CLUSTER_TIME`. Some stages do not accept these variables as constants."""
    if type(spec) is str:
        return spec in ("$$NOW", "$$CLUSTER_TIME")
    if type(spec) is list:
        return any(map(reads_time, spec))
    return type(spec) is dict and "$literal" not in spec and any(map(reads_time, spec.values()))


def _validate_component(name: str) -> None:
    if not name:
        raise CommandError(15998, "FieldPath field names may not be empty strings.")
    if name[0] == "$" and name not in DBREF_NAMES:
        raise CommandError(16410, f"FieldPath field names may not start with '$', given '{name}'. Consider using $getField or $setField.")
    if "\0" in name:
        raise CommandError(16411, "FieldPath field names may not contain '\\0'. Consider using $getField or $setField.")


def _validate_variable_characters(name: str) -> None:
    for letter in name[1:]:
        if not (letter == "_" or letter > "\x7f" or (letter.isascii() and letter.isalnum())):
            raise CommandError(9, f"'{name}' contains an invalid character for a variable name: '{letter}'")


def _validate_read_name(name: str) -> None:
    if not name:
        raise CommandError(9, "empty variable names are not allowed")
    if not (name[0] > "\x7f" or (name[0].isascii() and name[0].isalpha())):
        raise CommandError(9, f"'{name}' starts with an invalid character for a variable name")
    _validate_variable_characters(name)


def _parse_variable(text: str, ctx: ParseContext) -> Expression:
    name, dot, path = text.partition(".")
    _validate_read_name(name)
    if dot:
        if not path:
            raise CommandError(40353, "FieldPath must not end with a '.'.")
        validate_path(path)
    cell = ctx.variables.get(name)
    if cell is not None:
        return _path_into(cell, path)
    if name == "ROOT" or name == "CURRENT":
        return FieldPath(path) if path else Root()
    return _parse_system_variable(name, path, ctx)


def _parse_system_variable(name: str, path: str, ctx: ParseContext) -> Expression:
    if name == "REMOVE":
        return Constant(MISSING)
    if name == "USER_ROLES":
        return Constant([])
    if name not in ("NOW", "CLUSTER_TIME"):
        raise CommandError(17276, f"Use of undefined variable: {name}")
    value = ctx.now if name == "NOW" else ctx.cluster_time
    if value is None or not ctx.knows_time:
        raise CommandError(51144, f"Builtin variable '$${name}' is not available")
    return Constant(MISSING if path else value)


def _current(path: str, ctx: ParseContext) -> Expression:
    """Return the node for a path relative to `$$CURRENT`, which is the document unless an operator has bound the variable to another
    value.
    """
    cell = ctx.variables.get("CURRENT")
    return FieldPath(path) if cell is None else _path_into(cell, path)


def _path_into(cell: Cell, path: str) -> Expression:
    return VariablePath(cell, tuple(path.split("."))) if path else Variable(cell)
