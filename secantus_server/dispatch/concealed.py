"""Commands as logs, errors, currentOp and the profiler may show them: without passwords, keys and proofs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secantus_server.auth.collections import USERS_DB, WITH_KEYS
from secantus_server.bson import RawDocument, decode
from secantus_server.dispatch.registry import find_command

if TYPE_CHECKING:
    from secantus_server.dispatch.interceptors import Call
    from secantus_server.dispatch.registry import Command
    from secantus_server.wire.message import Message

#: What is shown instead of a secret.
HIDDEN = "xxx"
_NAMESPACES = tuple(f"{USERS_DB}.{name}" for name in WITH_KEYS)
# The commands that name their collections in entries of a field.
_ENTRIES = {"bulkWrite": "nsInfo", "applyOps": "applyOps"}


def shown_command(command: Command, message: Message, db: str) -> dict[str, Any]:
    """Return the document of a command as it may be shown."""
    body = message.body
    if db == USERS_DB and _names_users(command.name, message):
        return {name: value if index == 0 and type(value) is str else _redacted(value) for index, (name, value) in enumerate(body.items())}
    if not command.secrets:
        return body
    shown: dict[str, Any] = _without(body, frozenset(name.lower() for name in command.secrets))
    return shown


def is_concealed(call: Call) -> bool:
    """Return whether a command may not be shown as the client has sent it; then its document sequences may not be shown either."""
    return (call.db == USERS_DB and _names_users(call.name, call.message)) or bool(find_command(call.name).secrets)


def _names_users(name: str, message: Message) -> bool:
    """Return whether a command for the database `admin` reads or writes the keys of users."""
    if name in _ENTRIES:
        entries = message.sequences.get(_ENTRIES[name]) or message.body.get(_ENTRIES[name])
        decoded = [decode(entry) if type(entry) is bytes else entry for entry in entries] if type(entries) is list else []
        return any(type(entry) is dict and entry.get("ns") in _NAMESPACES for entry in decoded)
    target = next(iter(message.body.values()))
    if type(target) is dict and target:  # what explain explains
        target = next(iter(target.values()))
    return type(target) is str and target in WITH_KEYS


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
