"""Resume tokens of change streams in MongoDB's format: a key string in hexadecimal digits. Tokens sort in the order of their events.

https://www.mongodb.com/docs/manual/changeStreams/#resume-tokens

A token contains the cluster time, the version 2, the kind of token, the number of the operation in its transaction, whether the event
invalidates the stream, the collection's UUID, and the event's type and document key. A high-water mark is a token without an event, which
sorts before all events of its time.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson.numbers import quiet_decimal
from secantus_server.bson.values import Date, DBPointer, JavaScript, Regex, Symbol
from secantus_server.errors import CommandError
from secantus_server.records import NamedTuple

# The only supported version of tokens.
_VERSION = 2
_END = b"\4"
# The terminators of the last value of an identity and of the identity itself, which are both documents.
_IDENTITY_END = b"\0\0"
# The canonical types of key strings.
_MIN, _UNDEFINED, _NULL, _NUMBER, _STRING, _OBJECT, _ARRAY, _BINARY, _OID, _FALSE, _DATE, _TIMESTAMP, _REGEX, _POINTER, _CODE, _SCOPE = (
    10, 15, 20, 30, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170,
)  # fmt: skip
_MAX = 240
# The type bytes of encoded numbers, which depend on the sign and the magnitude. NaN has the type byte _NUMBER.
_NEGATIVE_LARGE, _NEGATIVE_SMALL, _ZERO, _POSITIVE_SMALL, _POSITIVE_LARGE = 31, 40, 41, 42, 51
_EVENT = 128
# The first bytes of an encoded collection UUID: the type, length and subtype of a binary value.
_UUID_HEAD = bytes([_BINARY, 16, 4])
_SMALLEST_LARGE = 2.0**63


# The type byte of the cluster time, the first byte of a token.
_TIME_DIGITS = f"{_TIMESTAMP:X}"
# The encoded transaction index of an event outside of transactions that does not invalidate the stream.
_ORDINARY = bytes([_ZERO, _FALSE])
# The digits after the time: the version 2 and the kind of token, and the remaining digits of a high-water mark.
_EVENT_DIGITS = "2B042C0100"
_MARK_DIGITS = "2B0429"
_MARK_REST = "296E1404"


class Token(NamedTuple):
    """A resume token.

    Arguments:
        stamp: the cluster time as a 64-bit number.
        is_event: whether the token identifies an event; otherwise it is a high-water mark.
        txn_index: the number of the operation in its transaction.
        from_invalidate: whether the event invalidates the stream.
        rest: the encoded UUID and identity of the event.
    """

    stamp: int
    is_event: bool
    txn_index: int
    from_invalidate: bool
    rest: bytes

    def means(self, event: Token) -> bool:
        """Return whether this token, received from a client, identifies an event. One additional byte at the token's end is ignored."""
        return self == event or (self.rest.startswith(event.rest + _END) and self._replace(rest=b"") == event._replace(rest=b""))

    def text(self) -> str:
        """Return the token as hexadecimal digits."""
        kind = _EVENT_DIGITS if self.is_event else _MARK_DIGITS
        place = _ORDINARY
        if self.txn_index or self.from_invalidate:
            place = number(self.txn_index) + bytes([_FALSE + self.from_invalidate])
        return f"{_TIME_DIGITS}{self.stamp:016X}{kind}{(place + self.rest + _END).hex().upper()}"


def high_water_mark(stamp: int) -> str:
    """Return the token that sorts before all events of a cluster time."""
    return f"{_TIME_DIGITS}{stamp:016X}{_MARK_DIGITS}{_MARK_REST}"


def event_identity(uuid: bytes | None, kind: str, detail_name: str, detail: Any) -> bytes:
    """Return the part of a token that distinguishes the events of one operation.

    Arguments:
        uuid: the collection's UUID, or None.
        kind: the operation type.
        detail_name: the second field of the identifier, `documentKey` or `operationDescription`.
        detail: the value of the second field, or None to omit the field.
    """
    # Use plain bytes as the cache key: a Binary is compared and hashed by slower Python code.
    head = identity_head(None if uuid is None else bytes(uuid), kind)
    if detail is None:
        return head + b"\0"
    encoded = value(detail)
    return b"%b%c%b\0%b\0" % (head, encoded[0], detail_name.encode(), encoded)


@lru_cache(1024)
def identity_head(uuid: bytes | None, kind: str) -> bytes:
    """Return the first part of `event_identity`, which is the same for all events of the same collection and type."""
    collection = bytes([_NULL]) if uuid is None else value(Binary(uuid, 4))
    return collection + value({"operationType": kind})[:-1]


def fragment_identity(identity: bytes, fragment: int) -> bytes:
    """Return the identity of a fragment of a split event."""
    return identity + number(fragment)


def fragment_of(token: Token, event: Token) -> int | None:
    """Return the number of the fragment of a split event that a token identifies.

    Return None if the token identifies another event, or an event that was not split.
    """
    if token._replace(rest=b"") != event._replace(rest=b"") or not token.rest.startswith(event.rest) or token.rest == event.rest:
        return None
    return _small_number(token.rest, len(event.rest))[0]


def parse_token(data: str) -> Token:
    """Parse the hexadecimal digits of a token.

    As in MongoDB, the last byte may be missing, or may be followed by one additional byte.

    Raises:
        CommandError: 50811 if the digits are not a valid token, 15 Overflow if the digits end within the identity of the event.
    """
    raw = bytes.fromhex(data)
    try:
        if raw[0] != _TIMESTAMP:
            raise _invalid("it does not begin with a time")
        (stamp,) = struct.unpack_from(">Q", raw, 1)
        version, place = _small_number(raw, 9)
        if version != _VERSION:
            raise CommandError(50795, f"Invalid resume token: unsupported version {version}")
        kind, place = _small_number(raw, place)
        index, place = _small_number(raw, place)
        invalidates = raw[place] - _FALSE
    except (IndexError, struct.error):
        raise _invalid("it is cut short") from None
    rest = raw[place + 1 :]
    if kind not in (0, _EVENT) or invalidates not in (0, 1):
        raise _invalid("its fields have other types")
    collection = len(_UUID_HEAD) + 16 if rest.startswith(_UUID_HEAD) else 1
    if len(rest) <= 1:
        raise _invalid("it is cut short")
    if rest.endswith(_END) and len(rest) > collection:
        rest = rest[:-1]
    elif len(rest) <= collection or not (rest.endswith(_IDENTITY_END) or rest[-4:-1] == _IDENTITY_END + _END):
        raise CommandError(15, "Invalid resume token: it ends within the identity of its event")
    return Token(stamp, kind == _EVENT, index, bool(invalidates), rest)


def _invalid(reason: str) -> CommandError:
    return CommandError(50811, f"Invalid format of resume token: {reason}")


def _small_number(raw: bytes, place: int) -> tuple[int, int]:
    """Decode the non-negative number at an offset, and return it with the offset after it."""
    size = raw[place] - _ZERO
    if size == 0:
        return 0, place + 1
    size -= 1
    if not 1 <= size <= 8:
        raise _invalid("it holds no number where one belongs")
    end = place + 1 + size
    if end > len(raw):
        raise IndexError
    return int.from_bytes(raw[place + 1 : end], "big") >> 1, end


def number(value: int) -> bytes:
    """Return the key string of an integer."""
    if value == 0:
        return bytes([_ZERO])
    magnitude = abs(value) << 1
    if abs(value) >= 1 << 63:
        return _large(float(value))
    size = (magnitude.bit_length() + 7) // 8
    data = magnitude.to_bytes(size, "big")
    if value > 0:
        return bytes([_POSITIVE_SMALL + size]) + data
    return bytes([_NEGATIVE_SMALL - size]) + _inverted(data)


def _inverted(data: bytes) -> bytes:
    return bytes(0xFF - byte for byte in data)


def _large(value: float) -> bytes:
    data = struct.pack(">d", abs(value))
    return bytes([_POSITIVE_LARGE]) + data if value > 0 else bytes([_NEGATIVE_LARGE]) + _inverted(data)


def _double(value: float) -> bytes:
    if value != value:
        return bytes([_NUMBER])
    if abs(value) >= _SMALLEST_LARGE:
        return _large(value)
    if value == int(value):
        return number(int(value))
    whole, sign = int(abs(value)), value > 0
    if whole == 0:
        data = struct.pack(">d", abs(value))
        return bytes([_POSITIVE_SMALL]) + data if sign else bytes([_NEGATIVE_SMALL]) + _inverted(data)
    magnitude = whole << 1 | 1
    size = (magnitude.bit_length() + 7) // 8
    data = magnitude.to_bytes(size, "big") + int((abs(value) - whole) * 2.0**56).to_bytes(7, "big")
    return bytes([_POSITIVE_SMALL + size]) + data if sign else bytes([_NEGATIVE_SMALL - size]) + _inverted(data)


def _decimal(value: Decimal128) -> bytes:
    exact = quiet_decimal(value)
    if exact.is_nan():
        return bytes([_NUMBER])
    if exact == exact.to_integral_value() and abs(exact) < _SMALLEST_LARGE:
        return number(int(exact))
    nearest = _double(float(exact))
    return nearest if float(exact) == exact else nearest + value.bid


def _text(data: bytes) -> bytes:
    return data.replace(b"\0", b"\0\xff") + b"\0"


def _object(document: dict[str, Any]) -> bytes:
    parts = [bytes([_OBJECT])]
    for name, one in document.items():
        encoded = value(one)
        first = encoded[0]
        kind = _NUMBER if _NUMBER <= first <= _POSITIVE_LARGE else _FALSE if first == _FALSE + 1 else first
        parts += [bytes([kind]), name.encode("utf-8", "surrogateescape"), b"\0", encoded]
    return b"".join(parts) + b"\0"


def _binary(data: Binary) -> bytes:
    size = bytes([len(data)]) if len(data) < 0xFF else b"\xff" + len(data).to_bytes(4, "big")
    return bytes([_BINARY]) + size + bytes([data.subtype]) + bytes(data)


_ENCODERS: dict[type, Any] = {
    int: number,
    Int64: number,
    float: _double,
    Decimal128: _decimal,
    str: lambda one: bytes([_STRING]) + _text(one.encode("utf-8", "surrogateescape")),
    Symbol: lambda one: bytes([_STRING]) + _text(one.value.encode("utf-8", "surrogateescape")),
    dict: _object,
    list: lambda one: bytes([_ARRAY]) + b"".join(map(value, one)) + b"\0",
    Binary: _binary,
    ObjectId: lambda one: bytes([_OID]) + one.binary,
    bool: lambda one: bytes([_FALSE + one]),
    Date: lambda one: bytes([_DATE]) + struct.pack(">Q", one.ms + (1 << 63)),
    Timestamp: lambda one: bytes([_TIMESTAMP]) + struct.pack(">II", one.time, one.inc),
    Regex: lambda one: bytes([_REGEX]) + _text(one.pattern.encode()) + _text(one.options.encode()),
    DBPointer: lambda one: bytes([_POINTER]) + len(one.namespace).to_bytes(4, "big") + one.namespace.encode() + one.id.binary,
    JavaScript: lambda one: (
        bytes([_CODE]) + _text(one.code.encode()) if one.scope is None else bytes([_SCOPE]) + _text(one.code.encode()) + _object(one.scope)
    ),
    type(None): lambda one: bytes([_NULL]),
    MinKey: lambda one: bytes([_MIN]),
    MaxKey: lambda one: bytes([_MAX]),
}


def value(one: Any) -> bytes:
    """Return the key string of a BSON value, including the type byte."""
    encoder = _ENCODERS.get(type(one))
    return bytes([_UNDEFINED]) if encoder is None else encoder(one)
