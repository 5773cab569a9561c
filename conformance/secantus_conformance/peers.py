"""Execution of pymongo's complete suite against servers that may stop responding. Each test file gets a new server."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from secantus_conformance.drivers.base import read_junit
from secantus_conformance.drivers.pymongo import PymongoSuite
from secantus_conformance.drivers.recorded import pytest_suite, write_junit_of_record
from secantus_conformance.environment import discover
from secantus_conformance.execution.servers import CommandServer
from secantus_conformance.failures import UsageError
from secantus_conformance.model import Result, Run
from secantus_conformance.odms.python_suite import python_of
from secantus_conformance.running import named

_SILENCE_SECONDS = 120.0
_FILE_SECONDS = 1200.0


def run_pymongo(suite: PymongoSuite, folder: Path, server: CommandServer) -> Run:
    """Run pymongo's suite against a server, file by file.

    If a file exceeds its time limit, its unfinished tests have no results, and a note names the file.
    """
    start = time.monotonic()
    results: list[Result] = []
    notes: list[str] = []
    description: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for path in sorted((folder / "test").glob("test_*.py")):
            try:
                uri = server.start()
                description = description or named(discover(uri).describe(), server)
                results += _run_file(suite, folder, path.name, uri, Path(scratch, f"{path.stem}.jsonl"))
            except UsageError as error:
                notes.append(f"{path.name}: {error}")
                results += _finished(suite, Path(scratch, f"{path.stem}.jsonl"))
            finally:
                server.stop()
    what = {"name": suite.name, "version": suite.version}
    return Run(f"Suite of {suite.name}", what, description, tuple(results), time.monotonic() - start, tuple(notes))


def _run_file(suite: PymongoSuite, folder: Path, name: str, uri: str, record: Path) -> list[Result]:
    host, _, port = urlsplit(uri).netloc.rpartition(":")
    options = ["-q", "--override-ini=addopts=", "-m", suite.marker, "-p", "no:cacheprovider", "--tb=short"]
    command = [str(python_of(folder)), "-m", "pytest", f"test/{name}", *options]
    environment = {**os.environ, "DB_IP": host, "DB_PORT": port, "PYTHONPATH": str(folder)}
    pytest_suite(command, folder, environment, _SILENCE_SECONDS).run(record, _FILE_SECONDS)
    return _finished(suite, record)


def _finished(suite: PymongoSuite, record: Path) -> list[Result]:
    """Return the results in a record, which may be incomplete or missing."""
    try:
        write_junit_of_record(record, record.with_suffix(".xml"))
    except (FileNotFoundError, UsageError):
        return []
    return read_junit(record.with_suffix(".xml"), suite, [])
