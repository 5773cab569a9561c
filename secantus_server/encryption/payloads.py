"""The payloads that clients send, and the values that the server stores instead of them.

Each is a binary value of subtype 6, whose first byte is its kind. libmongocrypt documents the layouts in mc-fle-blob-subtype-private.h,
mc-fle2-insert-update-payload-private-v2.h, mc-fle2-find-range-payload-private-v2.h and mc-fle2-payload-iev-private-v2.h.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from bson.binary import Binary

from secantus_server.bson import decode, validate
from secantus_server.encryption.tokens import IV_BYTES, TOKEN_BYTES, derive, encrypt, encrypt_pair, tag_of
from secantus_server.errors import CommandError, not_supported

SUBTYPE = 6
_BLOCK_BYTES = 96  # A metadata block: the encrypted count, the tag and the encrypted zeros, with 32 bytes each.
_KEY_ID_BYTES = 16
_EDGES_AT = 2 + _KEY_ID_BYTES  # The number of blocks of a range-indexed value follows the kind, the key id and the type.
MOST_EDGES = 255  # A stored value counts its edges in one byte.
_ZEROS = bytes(IV_BYTES)


class Kind(IntEnum):
    """The kinds of values that take part in queries."""

    INSERT = 11
    FIND_EQUALITY = 12
    FIND_RANGE = 13
    INDEXED_EQUALITY = 14
    INDEXED_RANGE = 15
    UNINDEXED = 16
    FIND_TEXT = 18


#: The kinds that exist only between client and server. The server replaces them.
PAYLOADS = frozenset([Kind.INSERT, Kind.FIND_EQUALITY, Kind.FIND_RANGE, Kind.FIND_TEXT])
#: The numbers of the operators in a range payload.
RANGE_OPERATORS = {1: "$gt", 2: "$gte", 3: "$lt", 4: "$lte"}


@dataclass(frozen=True, slots=True)
class WriteTokens:
    """The tokens of one indexed value, or of one edge of a value with a range index.

    Arguments:
        edc: for the tags in the encrypted data collection.
        esc: for the documents of the state collection.
        server: for the metadata block.
        compaction: the encrypted value of the document for the compaction.
    """

    edc: bytes
    esc: bytes
    server: bytes
    compaction: bytes


@dataclass(frozen=True, slots=True)
class InsertPayload:
    """A value to store in an indexed field.

    Arguments:
        key_id: the id of the data key of the index.
        bson_type: the type of the plaintext.
        value: the id of the user's data key and the ciphertext of the plaintext.
        server_token: the token with which the server encrypts `value`.
        contention: the contention factor that the client has chosen for this value.
        tokens: the tokens of the value or of its edges.
        is_range: whether the field has a range index.
    """

    key_id: bytes
    bson_type: int
    value: bytes
    server_token: bytes
    contention: int
    tokens: Sequence[WriteTokens]
    is_range: bool

    def stored(self, counts: Sequence[int], make_iv: Callable[[], bytes]) -> Binary:
        """Return the value to store.

        Arguments:
            counts: how many documents have the value or the edge, including this one, for each item of `tokens`.
            make_iv: returns a random initialization vector.
        """
        head = bytes([Kind.INDEXED_RANGE if self.is_range else Kind.INDEXED_EQUALITY]) + self.key_id + bytes([self.bson_type])
        if self.is_range:
            head += bytes([len(self.tokens)])
        blocks = b"".join(self._block(tokens, count, make_iv) for tokens, count in zip(self.tokens, counts, strict=True))
        stored: Binary = Binary(head + encrypt(self.server_token, self.value, make_iv()) + blocks, SUBTYPE)
        return stored

    def _block(self, tokens: WriteTokens, count: int, make_iv: Callable[[], bytes]) -> bytes:
        counted = encrypt_pair(derive(tokens.server, 1), count, self.contention, make_iv())
        zeros = encrypt(derive(tokens.server, 2), _ZEROS, make_iv())
        return counted + tag_of(tokens.edc, count) + zeros


@dataclass(frozen=True, slots=True)
class FindTokens:
    """The tokens of a searched value, or of one edge of a searched range, before they are derived with a contention factor."""

    edc: bytes
    esc: bytes


@dataclass(frozen=True, slots=True)
class FindPayload:
    """A searched value or range.

    Arguments:
        tokens: the tokens of the value or of the range's edges. None for a stub: the payload of the other bound describes the range.
        contention: the highest contention factor of the field's values.
        operators: the operators of the range's bounds. Empty for equality.
        number: identifies the payload and the stub of one range.
    """

    tokens: Sequence[FindTokens] | None
    contention: int = 0
    operators: tuple[str, ...] = ()
    number: int = 0


def is_payload(value: Any) -> bool:
    """Return whether a value is a payload that the server has to replace."""
    return type(value) is Binary and value.subtype == SUBTYPE and value[:1] != b"" and value[0] in PAYLOADS


def contains_payload(value: Any) -> bool:
    """Return whether a value is or contains a payload."""
    if type(value) is dict:
        return any(contains_payload(item) for item in value.values())
    if type(value) is list:
        return any(contains_payload(item) for item in value)
    return is_payload(value)


def parse_insert(value: Binary) -> InsertPayload:
    """Parse the payload of a value to store.

    Raises:
        CommandError: 9 FailedToParse, 238 for an index for text searches.
    """
    if value[0] != Kind.INSERT:
        raise CommandError(9, "A value that was encrypted for a query cannot be stored: encrypt it for an insert")
    fields = _fields(value)
    if "b" in fields:
        raise _text_error()
    is_range = "g" in fields
    if is_range and len(_documents(fields, "g")) > MOST_EDGES:
        raise _malformed("g")
    return InsertPayload(
        _bytes(fields, "u", _KEY_ID_BYTES),
        _number(fields, "t", 255),
        _bytes(fields, "v", None),
        _bytes(fields, "e"),
        _number(fields, "k"),
        [_write_tokens(edge) for edge in _documents(fields, "g")] if is_range else [_write_tokens(fields)],
        is_range,
    )


def parse_find(value: Binary) -> FindPayload:
    """Parse the payload of a searched value or range.

    Raises:
        CommandError: 9 FailedToParse, 238 for a text search.
    """
    if value[0] == Kind.FIND_TEXT:
        raise _text_error()
    if value[0] == Kind.INSERT:
        raise CommandError(9, "A value that was encrypted for an insert cannot be searched: encrypt it for a query")
    fields = _fields(value)
    if value[0] == Kind.FIND_EQUALITY:
        return FindPayload([_find_tokens(fields)], _number(fields, "cm"))
    numbers = [_number(fields, name) for name in ("firstOperator", "secondOperator") if name in fields]
    if not numbers or any(number not in RANGE_OPERATORS for number in numbers):
        raise _malformed("firstOperator")
    operators, number = tuple(RANGE_OPERATORS[number] for number in numbers), _number(fields, "payloadId")
    if "payload" not in fields:
        return FindPayload(None, 0, operators, number)
    inner = fields["payload"]
    if type(inner) is not dict:
        raise _malformed("payload")
    return FindPayload([_find_tokens(edge) for edge in _documents(inner, "g")], _number(inner, "cm"), operators, number)


def stored_tags(value: Any) -> Iterator[bytes]:
    """Yield the tags in a stored value; none if the value has no index or is not encrypted."""
    if type(value) is not Binary or value.subtype != SUBTYPE or len(value) <= _EDGES_AT:
        return
    count = 1 if value[0] == Kind.INDEXED_EQUALITY else value[_EDGES_AT] if value[0] == Kind.INDEXED_RANGE else 0
    for number in range(count, 0, -1):
        start = len(value) - number * _BLOCK_BYTES + TOKEN_BYTES
        yield bytes(value[start : start + TOKEN_BYTES])


def _fields(value: Binary) -> dict[str, Any]:
    document = bytes(value[1:])
    try:
        validate(document)
    except CommandError:
        raise CommandError(9, "The payload of an encrypted value is not a valid BSON document") from None
    return decode(document)


def _bytes(fields: dict[str, Any], name: str, length: int | None = TOKEN_BYTES) -> bytes:
    value = fields.get(name)
    if not isinstance(value, bytes) or (length is not None and len(value) != length):
        raise _malformed(name)
    return bytes(value)


def _number(fields: dict[str, Any], name: str, most: int = (1 << 63) - 1) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or not 0 <= value <= most:
        raise _malformed(name)
    return int(value)


def _documents(fields: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = fields.get(name)
    if type(value) is not list or not value or any(type(item) is not dict for item in value):
        raise _malformed(name)
    return value


def _write_tokens(fields: dict[str, Any]) -> WriteTokens:
    return WriteTokens(_bytes(fields, "d"), _bytes(fields, "s"), _bytes(fields, "l"), _bytes(fields, "p", None))


def _find_tokens(fields: dict[str, Any]) -> FindTokens:
    return FindTokens(_bytes(fields, "d"), _bytes(fields, "s"))


def _malformed(name: str) -> CommandError:
    return CommandError(9, f"The field '{name}' in the payload of an encrypted value is missing or invalid")


def _text_error() -> CommandError:
    return not_supported("a prefix, suffix or substring query on an encrypted field", "use an equality or a range query")
