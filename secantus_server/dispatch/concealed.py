"""Commands as logs, errors, currentOp and the profiler may show them: without passwords, keys and proofs."""

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

#: What is shown instead of a secret.
HIDDEN = "xxx"
_NAMES = frozenset([*WITH_KEYS, *(f"{USERS_DB}.{name}" for name in WITH_KEYS)])
# The commands that can name the collections elsewhere than in their first field: the field, or "" for any place in the command.
_ELSEWHERE = {"bulkWrite": "nsInfo", "applyOps": "applyOps", "aggregate": "pipeline", "create": "viewOn", "explain": ""}
# What a user may take for the name of the field `pwd`.
_LIKE_PASSWORD = frozenset(["pass", "passwd", "password", "passphrase"])


def shown_command(command: Command, message: Message, db: str) -> dict[str, Any]:
    """Return the document of a command as it may be shown: its body, or a changed copy if it contains secrets."""
    body = message.body
    if db == USERS_DB and _names_users(command.name, message):
        return {name: value if index == 0 and type(value) is str else _redacted(value) for index, (name, value) in enumerate(body.items())}
    if not command.secrets:
        return body
    names = frozenset(name.lower() for name in command.secrets)
    shown: dict[str, Any] = _without(body, names | _LIKE_PASSWORD if "pwd" in names else names)
    if command.arguments is None:
        return shown
    # A field that the command does not have may be a misspelt one with a secret.
    known = command.arguments.fields.keys() | GENERIC.keys()
    return {name: value if index == 0 or name in known else HIDDEN for index, (name, value) in enumerate(shown.items())}


def shown_error(call: Call, message: str) -> str:
    """Return the text of a command's error as it may be shown: that of a duplicate key may contain the key of a user."""
    return HIDDEN if call.db == USERS_DB and _names_users(call.name, call.message) else message


def _names_users(name: str, message: Message) -> bool:
    """Return whether a command for the database `admin` reads or writes the keys of users."""
    target = next(iter(message.body.values()))
    if type(target) is str and target in WITH_KEYS:
        return True
    if name not in _ELSEWHERE:
        return False
    place = _ELSEWHERE[name]
    return _mentions_users(message.sequences.get(place) or message.body.get(place) if place else target)


def _mentions_users(value: Any) -> bool:
    """Return whether one of the texts in a value is the name of a collection with keys."""
    if type(value) is str:
        return value in _NAMES
    if type(value) is bytes:
        value = decode(value)
    parts: Iterable[Any] = value.values() if type(value) is dict else value if type(value) is list else ()
    return any(map(_mentions_users, parts))


def _redacted(value: Any) -> Any:
    """Return a value with only its structure, its numbers, and the session and cluster time that drivers send undecoded."""
    if type(value) is dict:
        return {name: _redacted(one) for name, one in value.items()}
    if type(value) is list:
        return [_redacted(one) for one in value]
    return value if isinstance(value, int | float | RawDocument) else HIDDEN


def _without(value: Any, secrets: frozenset[str]) -> Any:
    """Return a value without secrets, whatever the case of their names, and in the documents of it."""
    if type(value) is list:
        return [_without(one, secrets) for one in value]
    if type(value) is not dict:
        return value
    return {name: HIDDEN if name.lower() in secrets else _without(one, secrets) for name, one in value.items()}
