"""Parsing of query settings in setQuerySettings, and in the option `querySettings` of find, distinct and aggregate.

https://www.mongodb.com/docs/manual/reference/command/setQuerySettings/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.differences import OWN_QUERY_SETTINGS, QUERY_SETTINGS_TIME
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.query.query_settings import QuerySettings
from secantus_server.query.query_shapes import query_shape_hash
from secantus_server.version import Release

#: The field with the settings of a single command.
FIELD = "querySettings"
_FRAMEWORKS = ("classic", "sbe")
_MAX_TIME = "maxTimeMS"

_SETTINGS = a.Arguments(
    "setQuerySettings.settings",
    {
        "indexHints": a.anything(),
        "queryFramework": a.string(),
        "reject": a.strict_boolean(None, null_is_absent=False),
        "comment": a.anything(),
        _MAX_TIME: a.number(minimum=0),
    },
    generic=False,
)
_HINT = a.Arguments(
    "setQuerySettings.settings.indexHints", {"ns": a.document(required=True), "allowedIndexes": a.array(required=True)}, generic=False
)
_NAMESPACE = a.Arguments("setQuerySettings.settings.indexHints.ns", {"db": a.string(), "coll": a.string()}, generic=False)


def use_own_settings(request: Request, *, is_explained: bool = False) -> None:
    """Apply the query settings that a command specifies for itself. Settings of the command's query shape take precedence.

    https://www.mongodb.com/docs/manual/release-notes/9.0/

    Raises:
        CommandError: 40415 before MongoDB 9.0, 411 QueryRejectedBySettings unless the command is only explained, the errors of
            `checked_settings`.
    """
    if not request.services.release.has(OWN_QUERY_SETTINGS):
        raise CommandError(40415, f"BSON field '{request.name}.{FIELD}' is an unknown field.")
    given = request.body[FIELD]
    if given is None:
        return
    if type(given) is not dict:
        raise a.wrong_type(f"{request.name}.{FIELD}", given, "object")
    own, stored = checked_settings(given, request.services.release), request.settings
    if stored is None:
        request.settings = QuerySettings(query_shape_hash(request.db, request.name, request.body), own)
    else:
        request.settings = QuerySettings(stored.hash, {**own, **stored.settings}, stored.representative)
    if not is_explained:
        request.settings.apply(request.operation)


def checked_settings(settings: dict[str, Any], release: Release) -> dict[str, Any]:
    """Validate query settings, and return them with `indexHints` as a list.

    Arguments:
        release: the MongoDB release that defines which settings are valid.

    Raises:
        CommandError: 14, 40414 or 40415 for an invalid field, 2 BadValue, 8727502 if the document is empty, 7746608, 8727500, 8727501.
    """
    if _MAX_TIME in settings and not release.has(QUERY_SETTINGS_TIME):
        raise CommandError(40415, f"BSON field 'setQuerySettings.settings.{_MAX_TIME}' is an unknown field.")
    parsed = _SETTINGS.parse(settings)
    framework = parsed["queryFramework"]
    if framework is not None and framework not in _FRAMEWORKS:
        text = f"Enumeration value '{framework}' for field 'setQuerySettings.settings.queryFramework' is not a valid value."
        raise CommandError(2, text)
    given = {name: parsed[name] if name == _MAX_TIME else settings[name] for name in settings if settings[name] is not None}
    if not given:
        raise CommandError(8727502, "the settings cannot be empty")
    if "indexHints" in given:
        hints = given["indexHints"]
        given["indexHints"] = _hints(hints if type(hints) is list else [hints])
    return given


def _hints(hints: list[Any]) -> list[dict[str, Any]]:
    seen: set[tuple[str, str]] = set()
    for hint in hints:
        if type(hint) is not dict:
            text = (
                f"BSON field 'setQuerySettings.settings.indexHints' is the wrong type '{type_name(hint)}', expected types '[object, array]'"
            )
            raise CommandError(14, text)
        parsed = _HINT.parse(hint)
        namespace = _NAMESPACE.parse(parsed["ns"])
        for part, code in (("db", 8727500), ("coll", 8727501)):
            if namespace[part] is None:
                raise CommandError(code, f"invalid index hint: 'ns.{part}' value is missing")
        key = (namespace["db"], namespace["coll"])
        if key in seen:
            raise CommandError(7746608, f"Collection '{key[0]}.{key[1]}' has already index hints specified")
        seen.add(key)
        for index in parsed["allowedIndexes"]:
            if type(index) not in (str, dict) or not index:
                raise CommandError(9, "an index hint must be the name of an index, its key pattern, or {$natural: 1} or {$natural: -1}")
    return hints
