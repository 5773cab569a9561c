"""Message headers: lengths, message types, and size limits."""

from __future__ import annotations

import struct

import pytest

from secantus_server.wire._sections import crc32c
from secantus_server.wire.header import MAX_MESSAGE_SIZE, Header, ProtocolError, build_header, parse_header


def test_a_header_comes_back() -> None:
    assert parse_header(build_header(100, 3, 4, 2013)) == Header(116, 3, 4, 2013)


@pytest.mark.parametrize("length", [-1, 0, 15, MAX_MESSAGE_SIZE + 1, 2**31 - 1, -(2**31)])
def test_an_impossible_length_is_refused(length: int) -> None:
    with pytest.raises(ProtocolError, match=f"invalid message length: {length} bytes"):
        parse_header(struct.pack("<iiii", length, 1, 0, 2013))


@pytest.mark.parametrize("length", [16, MAX_MESSAGE_SIZE])
def test_the_limits_themselves_are_allowed(length: int) -> None:
    assert parse_header(struct.pack("<iiii", length, 1, 0, 2013)).length == length


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (bytes.fromhex("160301020001000001fc0303") + bytes(20), "received a TLS handshake"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "received an HTTP request"),
    ],
)
def test_other_protocols_are_recognised(data: bytes, expected: str) -> None:
    with pytest.raises(ProtocolError, match=expected):
        parse_header(data)


def test_a_message_whose_length_looks_like_tls_is_a_message() -> None:
    assert parse_header(struct.pack("<iiii", 0x10316, 1, 0, 2013)).length == 0x10316


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", 0), (b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)],
    ids=["empty", "check", "zeros", "ones", "ascending"],
)
def test_crc32c_gives_the_values_of_rfc_3720(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected
