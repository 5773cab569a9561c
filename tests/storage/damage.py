"""Damage to the log of a store, and the restart of its machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from secantus_server.storage import log_marks
from secantus_server.storage.inspection import log_files


def flip(path: Path, at: int) -> None:
    """Flip one bit of the byte at a position."""
    content = bytearray(path.read_bytes())
    content[at] ^= 0x40
    path.write_bytes(content)


def last_log(store: Path) -> Path:
    """Return the log file with the highest number."""
    files = log_files(store)
    return files[max(files)]


def reboot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the machine look restarted to stores that are opened in this test from now on."""
    monkeypatch.setattr(log_marks, "_boot_id", lambda: b"another".ljust(36))
