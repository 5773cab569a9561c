"""setQuerySettings and removeQuerySettings.

https://www.mongodb.com/docs/manual/reference/command/setQuerySettings/
https://www.mongodb.com/docs/manual/reference/command/removeQuerySettings/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import check_database_name
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command, find_command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.query.query_settings import QuerySettings
from secantus_server.query.query_shapes import SHAPED, query_shape_hash
from secantus_server.reserved_names import INTERNAL_DATABASES
from secantus_server.work.query_setting_rows import save_settings
from secantus_server.work.query_settings import checked_settings


@command(
    "setQuerySettings",
    {"settings": a.document(required=True)},
    admin_only=True,
    is_write=True,
    privileges=on_cluster("querySettings"),
)
def set_query_settings(request: Request, args: dict[str, Any]) -> Reply:
    """Create or change the settings of a query shape."""
    known = request.services.query_settings
    changes = checked_settings(args["settings"], request.services.release)
    found = _entry(request)
    if found.representative is not None:
        _check_query(request, found.representative)
    before = known.get(found.hash)
    if before is None and found.representative is None:
        raise CommandError(7746401, "New query settings can only be created with a query instance, but a query hash was given.")
    settings = {**({} if before is None else before.settings), **changes}
    if settings.get("maxTimeMS") == 0:
        del settings["maxTimeMS"]
    if not _has_effect(settings):
        raise CommandError(7746604, "the resulting settings cannot be empty or contain only default values")
    representative = found.representative or (None if before is None else before.representative)
    entry = QuerySettings(found.hash, settings, representative)
    save_settings(request, {**known, entry.hash: entry})
    return entry.shown()


@command("removeQuerySettings", {}, admin_only=True, is_write=True, privileges=on_cluster("querySettings"))
def remove_query_settings(request: Request, _args: dict[str, Any]) -> Reply:
    """Remove the settings of a query shape, if it has any."""
    known = request.services.query_settings
    found = _entry(request)
    if found.hash in known:
        save_settings(request, {shape: entry for shape, entry in known.items() if shape != found.hash})
    return {}


def _entry(request: Request) -> QuerySettings:
    """Return an entry for the query shape in the command's argument.

    The entry contains the shape's hash. It also contains a representative query if the command includes one.

    Raises:
        CommandError: 14 TypeMismatch, 2 BadValue, 16 InvalidLength, 73 InvalidNamespace, 7746402, or the error of an invalid query.
    """
    given = request.body[request.name]
    if type(given) is str:
        if not all(digit in "0123456789ABCDEFabcdef" for digit in given):
            raise CommandError(2, f"BSON field '{request.name}' must be a query shape hash of 64 hexadecimal digits")
        if len(given) != 64:
            raise CommandError(16, f"BSON field '{request.name}' must be a query shape hash of 64 digits, not {len(given)}")
        return QuerySettings(given.upper(), {})
    if type(given) is not dict:
        raise CommandError(14, f"BSON field '{request.name}' is the wrong type '{type_name(given)}', expected types '[object, string]'")
    name = next(iter(given), "")
    if name not in SHAPED:
        raise CommandError(7746402, f"QueryShape can not be computed for command: {name}")
    db = given.get("$db")
    if type(db) is not str:
        raise CommandError(40414, f"BSON field '{request.name}.$db' is missing but a required field")
    check_database_name(db)
    arguments = find_command(name).arguments
    assert arguments is not None, "the commands with a shape have arguments"
    arguments.parse(given, name)
    return QuerySettings(query_shape_hash(db, name, given), {}, given)


def _has_effect(settings: dict[str, Any]) -> bool:
    hints = any(hint["allowedIndexes"] for hint in settings.get("indexHints", ()))
    return hints or any(value for name, value in settings.items() if name not in ("comment", "indexHints"))


def _check_query(request: Request, given: dict[str, Any]) -> None:
    """Check that settings can be applied to a representative query.

    Raises:
        CommandError: 7746606, 8584900, 8584901.
    """
    db, name = given["$db"], next(iter(given))
    if db in INTERNAL_DATABASES:
        raise CommandError(8584900, f"{request.name} command cannot be used on internal databases")
    target = given[name]
    if type(target) is str and target.startswith("system."):
        raise CommandError(8584901, f"{request.name} command cannot be used on system collections")
    if name == "find" and list(given.get("filter") or {}) == ["_id"] and _is_equality(given["filter"]["_id"]):
        raise CommandError(7746606, f"{request.name} command cannot be used on find queries by _id, which have one plan only")


def _is_equality(value: Any) -> bool:
    return type(value) is not dict or not next(iter(value), "").startswith("$") or list(value) == ["$eq"]
