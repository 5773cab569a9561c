"""Shortcuts that bypass the constructors of pymongo's value classes, for bytes that are already validated.

Without them, a constructor's checks take longer than the rest of decoding. The shortcuts use private names of pymongo, so each shortcut
is tested once at import. If a private name is missing, or if the resulting value differs in any way from the constructor's value, the
shortcut is disabled and the codec uses pymongo's public interface.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from bson.binary import Binary
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

Setter = Callable[[Any, Any], None]
Getter = Callable[[Any], Any]


def object_id_setter() -> Setter | None:
    """Return a function that sets the 12 bytes of an ObjectId created by `__new__`, or None if the shortcut is disabled."""
    slot = getattr(ObjectId, "_ObjectId__id", None)
    if slot is None:
        return None
    public = ObjectId(b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\xff")
    return slot.__set__ if _makes(public, lambda: _with(ObjectId, [(slot, public.binary)])) else None


def timestamp_setters() -> tuple[Setter, Setter] | None:
    """Return functions that set the seconds and the increment of a Timestamp created by `__new__`, or None if the shortcut is disabled."""
    seconds, increment = getattr(Timestamp, "_Timestamp__time", None), getattr(Timestamp, "_Timestamp__inc", None)
    if seconds is None or increment is None:
        return None
    public = Timestamp(0xFFFFFFFF, 7)
    is_whole = _makes(public, lambda: _with(Timestamp, [(seconds, 0xFFFFFFFF), (increment, 7)]))
    return (seconds.__set__, increment.__set__) if is_whole else None


def timestamp_getters() -> tuple[Getter, Getter]:
    """Return functions that read the seconds and the increment of a Timestamp. They read its slots or, if the shortcut is disabled, its
    public properties.
    """
    if timestamp_setters() is None:
        return attrgetter("time"), attrgetter("inc")
    private: Any = Timestamp
    return private._Timestamp__time.__get__, private._Timestamp__inc.__get__


def takes_binary_subtype() -> bool:
    """Return whether a Binary can be created without its constructor, by calling `bytes.__new__` and setting `_Binary__subtype`."""

    def make() -> Binary:
        binary = bytes.__new__(Binary, b"\x00\xff")
        vars(binary)["_Binary__subtype"] = 128
        return binary

    return _makes(Binary(b"\x00\xff", 128), make)


def _with(kind: Any, values: list[tuple[Any, Any]]) -> Any:
    """Create an instance of `kind` without its constructor, set the given slots, and return the instance."""
    made = kind.__new__(kind)
    for slot, value in values:
        slot.__set__(made, value)
    return made


def _makes(public: Any, make: Callable[[], Any]) -> bool:
    """Return whether the shortcut `make` creates a value that equals `public`, the constructor's value, and has the same repr, hash and
    pickle.
    """
    try:
        made = make()
        return bool(
            made == public
            and repr(made) == repr(public)
            and hash(made) == hash(public)
            and made.__reduce_ex__(4) == public.__reduce_ex__(4)
        )
    except (AttributeError, TypeError):
        return False
