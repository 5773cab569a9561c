"""The operators `$hash` and `$hexHash`, which hash strings and binary data. They exist since MongoDB 8.3.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/hash/
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from typing import Any

from bson.binary import Binary

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Expression
from secantus_server.mql.expressions.named_arguments import Signature
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import call
from secantus_server.mql.expressions.registry import operator_parser

_MASK = 2**64 - 1
_PRIMES = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
_STRIPE = 32


def xxh64(data: bytes) -> bytes:
    """Return the XXH64 hash of some bytes with seed 0, in big-endian byte order.

    https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
    """
    p1, p2, p3, p4, p5 = _PRIMES
    whole = len(data) - len(data) % _STRIPE
    found = p5
    if whole:
        lanes = [(p1 + p2) & _MASK, p2, 0, -p1 & _MASK]
        for values in struct.iter_unpack("<4Q", data[:whole]):
            lanes = [_round(lane, value) for lane, value in zip(lanes, values, strict=True)]
        found = sum(_rotated(lane, by) for lane, by in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
        for lane in lanes:
            found = ((found ^ _round(0, lane)) * p1 + p4) & _MASK
    found = (found + len(data)) & _MASK
    at = whole
    while len(data) - at >= 8:
        found = (_rotated(found ^ _round(0, int.from_bytes(data[at : at + 8], "little")), 27) * p1 + p4) & _MASK
        at += 8
    if len(data) - at >= 4:
        found = (_rotated(found ^ (int.from_bytes(data[at : at + 4], "little") * p1 & _MASK), 23) * p2 + p3) & _MASK
        at += 4
    for byte in data[at:]:
        found = _rotated(found ^ (byte * p5 & _MASK), 11) * p1 & _MASK
    found = (found ^ found >> 33) * p2 & _MASK
    found = (found ^ found >> 29) * p3 & _MASK
    return (found ^ found >> 32).to_bytes(8, "big")


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & _MASK


def _round(lane: int, value: int) -> int:
    return _rotated((lane + value * _PRIMES[1]) & _MASK, 31) * _PRIMES[0] & _MASK


_ALGORITHMS: dict[str, Callable[[bytes], bytes]] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "xxh64": xxh64,
}


def _register(name: str, convert: Callable[[bytes], Any]) -> None:
    signature = Signature(
        not_object=(9, f"{name} expects an object of named arguments but found: {{found}}"),
        unknown=(9, f"{name} found an unknown argument: {{name}}"),
        required={argument: (9, f"Missing '{argument}' parameter to {name}") for argument in ("input", "algorithm")},
    )

    def evaluate(value: Any, algorithm: Any) -> Any:
        if type(algorithm) is not str or algorithm not in _ALGORITHMS:
            raise CommandError(2, f"{name} requires the algorithm to be one of {', '.join(_ALGORITHMS)}")
        if is_nullish(value):
            return None
        if type(value) not in (str, Binary):
            raise CommandError(14, f"{name} requires the input to be a string or binData, found: {type_name(value)}")
        return convert(_ALGORITHMS[algorithm](_bytes_of(name, value)))

    @operator_parser(name, since="8.3")
    def parse(argument: Any, ctx: ParseContext) -> Expression:
        return call(evaluate, signature.parse(argument, ctx))


def _bytes_of(name: str, value: Any) -> bytes:
    if type(value) is not str:
        return bytes(value)
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise CommandError(2, f"{name} requires the input to be valid UTF-8") from None


_register("$hash", lambda digest: Binary(digest, 0))
_register("$hexHash", lambda digest: digest.hex().upper())
