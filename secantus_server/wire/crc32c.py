"""CRC-32C (Castagnoli), the checksum that an OP_MSG may carry."""

from __future__ import annotations

_POLYNOMIAL = 0x82F63B78


def _table() -> list[int]:
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ _POLYNOMIAL if n & 1 else n >> 1
        table.append(n)
    return table


_TABLE = _table()


def crc32c(data: bytes | memoryview) -> int:
    """The checksum of the bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF
