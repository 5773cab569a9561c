"""The discovery of recorded cases in .jsonl files, and the replay of each case against a server in its own database."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from datetime import timezone
from pathlib import Path
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from secantus_conformance.cases.expectations import check
from secantus_conformance.cases.values import parse
from secantus_conformance.failures import AssertionFailed, UsageError
from secantus_conformance.model import Group, TestCase

_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=timezone.utc)
_CATEGORY_PARTS = 3


def find_cases(folder: Path) -> list[TestCase]:
    """Return all cases in a file or folder. Raise UsageError if there are none, or if a line is not a case."""
    files = sorted(folder.rglob("*.jsonl")) if folder.is_dir() else [folder]
    cases = [case for file in files for case in _cases_of(file)]
    if not cases:
        raise UsageError(f"{folder} contains no recorded cases (.jsonl).")
    return cases


def _cases_of(file: Path) -> Iterator[TestCase]:
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    for index, line in enumerate(lines):
        if line:
            yield TestCase(name := _name(file, index, line), file, index, _category(name), Group.SERVER, "case", line)


def _name(file: Path, index: int, line: str) -> str:
    """Return the id of a case. It is the first field of the line, so the remaining line need not be parsed here."""
    try:
        start = line.index('"id": "') + len('"id": "')
        return str(json.loads(line[start - 1 : line.index('", "steps"', start) + 1]))
    except ValueError as error:
        raise UsageError(f"{file}, line {index + 1}, is not a recorded case.") from error


def _category(name: str) -> str:
    folders = name.split("::")[0].split("/")[:-1]
    return "/".join(folders[:_CATEGORY_PARTS])


def run_recorded(client: MongoClient[Any], line: str) -> None:
    """Replay one recorded case. Raise AssertionFailed at the first expectation that is not met."""
    case = json.loads(line)
    mark = f"{zlib.crc32(case['id'].encode()):08x}"
    database = f"case_{mark}"
    text = json.dumps(case["steps"], ensure_ascii=False).replace("$DB$", database).replace("$COLL$", f"coll_{mark}")
    try:
        for index, step in enumerate(parse(text)):
            _run_step(client, index, step)
    finally:
        _drop(client, database)


def _run_step(client: MongoClient[Any], index: int, step: dict[str, Any]) -> None:
    reply = error = None
    try:
        reply = client[step["db"]].command(step["cmd"], codec_options=_CODEC)
    except PyMongoError as caught:
        error = caught
    for expected in step.get("expect", []):
        try:
            check(expected, reply, error)
        except AssertionFailed as failure:
            raise AssertionFailed(failure.kind, f"Step {index + 1}: {failure.message}", failure.expected, failure.actual) from failure


def _drop(client: MongoClient[Any], database: str) -> None:
    try:
        client.drop_database(database)
    except PyMongoError:
        return
