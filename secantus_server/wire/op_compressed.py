"""OP_COMPRESSED, the message type that contains a compressed message of another type.

zlib is part of Python. zstd and snappy are available if their packages are installed (the extra `compression`).
https://github.com/mongodb/specifications/blob/master/source/compression/OP_COMPRESSED.md
"""

from __future__ import annotations

import importlib.util
import struct
import zlib
from functools import cache

from secantus_server.wire.header import HEADER_SIZE, MAX_MESSAGE_SIZE, OP_COMPRESSED, Header, ProtocolError, build_header

IDS = {"noop": 0, "snappy": 1, "zlib": 2, "zstd": 3}
_PREFIX = struct.Struct("<iiB")


@cache
def available_compressors() -> tuple[str, ...]:
    """Return the available compressors in order of preference. The result is cached, because searching for packages is slow."""
    names = ["zlib"]
    if importlib.util.find_spec("zstandard"):
        names.insert(0, "zstd")
    if importlib.util.find_spec("cramjam"):
        names.insert(0, "snappy")
    return tuple(names)


def decompressed_size(raw: bytes) -> int:
    """Return the uncompressed size that a compressed message's header contains, or 0 if the message is too short."""
    return int(_PREFIX.unpack_from(raw, HEADER_SIZE)[1]) if len(raw) >= HEADER_SIZE + _PREFIX.size else 0


def decompress_message(header: Header, raw: bytes) -> tuple[Header, bytes, int]:
    """Decompress a message, and return its header, its bytes, and the compressor's id.

    Raises:
        ProtocolError: the data cannot be decompressed, or does not match its header.
    """
    if len(raw) < HEADER_SIZE + _PREFIX.size:
        raise ProtocolError("an OP_COMPRESSED is truncated")
    op_code, size, compressor = _PREFIX.unpack_from(raw, HEADER_SIZE)
    if not 0 <= size <= MAX_MESSAGE_SIZE - HEADER_SIZE or op_code == OP_COMPRESSED:
        raise ProtocolError("an OP_COMPRESSED has an invalid header")
    body = _decompress(compressor, raw[HEADER_SIZE + _PREFIX.size :], size)
    if len(body) != size:
        raise ProtocolError("the data of an OP_COMPRESSED does not match its uncompressed size")
    inner = build_header(size, header.request_id, header.response_to, op_code)
    return Header(HEADER_SIZE + size, header.request_id, header.response_to, op_code), inner + body, compressor


def _decompress(compressor: int, data: bytes, size: int) -> bytes:
    """Decompress data to at most `size` + 1 bytes, so that a small message cannot exhaust memory."""
    if compressor == IDS["noop"]:
        return data
    if compressor == IDS["zlib"]:
        try:
            return zlib.decompressobj().decompress(data, size + 1)
        except zlib.error as error:
            raise ProtocolError(f"zlib: {error}") from None
    if compressor == IDS["zstd"] and importlib.util.find_spec("zstandard"):
        return _decompress_zstd(data, size)
    if compressor == IDS["snappy"] and importlib.util.find_spec("cramjam"):
        return _decompress_snappy(data, size)
    raise ProtocolError(f"compressor {compressor} is not available")


def _decompress_zstd(data: bytes, size: int) -> bytes:
    import zstandard

    try:
        with zstandard.ZstdDecompressor().stream_reader(data) as reader:
            return bytes(reader.read(size + 1))
    except zstandard.ZstdError as error:
        raise ProtocolError(f"zstd: {error}") from None


def _decompress_snappy(data: bytes, size: int) -> bytes:
    import cramjam

    try:
        if cramjam.snappy.decompress_raw_len(data) != size:
            raise ProtocolError("the data of an OP_COMPRESSED does not match its uncompressed size")
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError as error:
        raise ProtocolError(f"snappy: {error}") from None


def compress_message(message: bytes, compressor: int) -> bytes:
    """Compress a complete message with the compressor that the client used."""
    _, request_id, response_to, op_code = struct.unpack_from("<iiii", message)
    body = message[HEADER_SIZE:]
    data = _compress(body, compressor)
    prefix = _PREFIX.pack(op_code, len(body), compressor)
    return build_header(len(prefix) + len(data), request_id, response_to, OP_COMPRESSED) + prefix + data


def _compress(body: bytes, compressor: int) -> bytes:
    if compressor == IDS["zlib"]:
        return zlib.compress(body)
    if compressor == IDS["zstd"]:
        import zstandard

        return bytes(zstandard.compress(body))
    if compressor == IDS["snappy"]:
        import cramjam

        return bytes(cramjam.snappy.compress_raw(body))
    return body
