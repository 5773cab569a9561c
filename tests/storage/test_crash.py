"""A killed process loses no acknowledged write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from secantus_server.storage import INDEX_ENTRIES, RECORDS, Engine

WRITER = Path(__file__).with_name("writer.py")


def write_and_kill(path: Path, start: int, lines: int) -> int:
    """Run the writer, kill it after `lines` acknowledgements, and return the last one."""
    command = [sys.executable, str(WRITER), str(path), str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.kill()
        rest = process.stdout.read().split(b"\n")
    return start + lines + len(rest) - 1


def test_acknowledged_writes_survive_a_kill(tmp_path: Path) -> None:
    last = 0
    for lines in (1, 250, 700, 40, 333):
        acknowledged = write_and_kill(tmp_path, last, lines)
        engine = Engine.open(str(tmp_path))
        with engine.transaction() as unit:
            records = [key for key, _ in unit.scan(RECORDS, b"", None)]
            assert records == [key for key, _ in unit.scan(INDEX_ENTRIES, b"", None)]
        engine.close()
        last = len(records)
        # The last transaction may have been committed but not yet acknowledged.
        assert acknowledged <= last <= acknowledged + 1
