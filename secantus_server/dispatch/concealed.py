"""Redacts passwords, keys and proofs in commands before they appear in logs, errors, currentOp or the profiler."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from secantus_server.auth.collections import USERS_DB, WITH_KEYS
from secantus_server.bson import RawDocument, decode
from secantus_server.dispatch.arguments import GENERIC

if TYPE_CHECKING:
    from secantus_server.dispatch.interceptors import Call
    from secantus_server.dispatch.registry import Command
    from secantus_server.wire.message import Message

#: The text that replaces a redacted secret.
HIDDEN = "xxx"
_NAMES = frozenset([*WITH_KEYS, *(f"{USERS_DB}.{name}" for name in WITH_KEYS)])
# For each command, the field, other than the first one, that can contain the name of a collection; "" if any part of the command can.
_ELSEWHERE = {"bulkWrite": "nsInfo", "applyOps": "applyOps", "aggregate": "pipeline", "create": "viewOn", "explain": ""}
# Field names that a user may mistake for the name `pwd`.
_LIKE_PASSWORD = frozenset(["pass", "passwd", "password", "passphrase"])


def shown_command(command: Command, message: Message, db: str) -> dict[str, Any]:
    """Return a copy of a command's body with its secrets redacted. If the command cannot contain secrets, return the original body."""
    body = message.body
    if db == USERS_DB and _names_users(command.name, message):
        return {name: value if index == 0 and type(value) is str else _redacted(value) for index, (name, value) in enumerate(body.items())}
    if not command.secrets:
        return body
    names = frozenset(name.lower() for name in command.secrets)
    shown: dict[str, Any] = _without(body, names | _LIKE_PASSWORD if "pwd" in names else names)
    if command.arguments is None:
        return shown
    # A field that the command does not have may be a misspelled field with a secret, so its value is redacted.
    known = command.arguments.fields.keys() | GENERIC.keys()
    return {name: value if index == 0 or name in known else HIDDEN for index, (name, value) in enumerate(shown.items())}


def shown_error(call: Call, message: str) -> str:
    """Return a command's error message for logs, or `HIDDEN` if the message could contain a user's key, as a duplicate key error could."""
    return HIDDEN if call.db == USERS_DB and _names_users(call.name, call.message) else message


def _names_users(name: str, message: Message) -> bool:
    """Return whether a command on the database `admin` refers to a collection that contains the SCRAM keys of users."""
    target = next(iter(message.body.values()))
    if type(target) is str and target in WITH_KEYS:
        return True
    if name not in _ELSEWHERE:
        return False
    place = _ELSEWHERE[name]
    return _mentions_users(message.sequences.get(place) or message.body.get(place) if place else target)


def _mentions_users(value: Any) -> bool:
    """Return whether any string in a value, at any depth, is the name of a collection that contains the SCRAM keys of users."""
    if type(value) is str:
        return value in _NAMES
    if type(value) is bytes:
        value = decode(value)
    parts: Iterable[Any] = value.values() if type(value) is dict else value if type(value) is list else ()
    return any(map(_mentions_users, parts))


def _redacted(value: Any) -> Any:
    """Return a copy of a value in which all leaf values are redacted. Numbers and the values of `lsid` and `$clusterTime` are not
    redacted.
    """
    if type(value) is dict:
        return {name: _redacted(one) for name, one in value.items()}
    if type(value) is list:
        return [_redacted(one) for one in value]
    return value if isinstance(value, int | float | RawDocument) else HIDDEN


def _without(value: Any, secrets: frozenset[str]) -> Any:
    """Return a copy of a value in which the given fields are redacted at any depth. Field names are compared case-insensitively."""
    if type(value) is list:
        return [_without(one, secrets) for one in value]
    if type(value) is not dict:
        return value
    return {name: HIDDEN if name.lower() in secrets else _without(one, secrets) for name, one in value.items()}
