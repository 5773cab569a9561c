"""The catalog of a source's tests: one entry per test, with its category and group. Building it runs no test."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from secantus_conformance.failures import BadTest, UsageError
from secantus_conformance.model import Group, TestCase
from secantus_conformance.suites.categories import CATEGORIES, category_of, common_name, group_of
from secantus_conformance.suites.format_rules import check_structure
from secantus_conformance.suites.schema import check_version
from secantus_conformance.suites.sources import Source

# The runner's own suites, which `selfcheck` runs.
_SELF_CHECK = ("invalid", "valid-fail")


def discover(source: Source) -> list[TestCase]:
    """Return all tests of a source that need a server, in file order. Raise UsageError for a file that is not JSON or contains no tests."""
    tests: list[TestCase] = []
    for path in sorted(source.root.rglob("*.json")):
        parts = _parts(source, path)
        category = category_of(parts)
        if category is not None and not (parts[0] == "unified-test-format" and parts[1] in _SELF_CHECK):
            tests += _tests_of(path, parts, category)
    return tests


def self_check_files(source: Source, suite: str) -> list[Path]:
    """Return the files of one of the suites that test the runner: valid-pass, valid-fail or invalid."""
    found = [path for path in sorted(source.root.rglob("*.json")) if _parts(source, path)[:2] == ("unified-test-format", suite)]
    if not found:
        raise UsageError(f"{source.root} has no unified-test-format/{suite}.")
    return found


def _parts(source: Source, path: Path) -> tuple[str, ...]:
    """Return the parts of a path below the root, without `.json` and without the specifications' folder `tests`, which adds no
    information.
    """
    parts = path.relative_to(source.root).with_suffix("").parts
    if source.layout == "pymongo":
        return parts
    return common_name(tuple(part for index, part in enumerate(parts) if index != 1 or part != "tests"))


def _tests_of(path: Path, parts: tuple[str, ...], category: str) -> Iterator[TestCase]:
    data = read_json(path)
    if not isinstance(data, dict):
        return
    prefix = "/".join(parts)
    try:
        if category == "bson":
            yield from _corpus_tests(path, prefix, data)
        elif "schemaVersion" in data or "unified" in parts[:-1]:
            for index, (name, test) in enumerate(_named(data["tests"], "description")):
                yield TestCase(f"{prefix}::{name}", path, index, category, group_of(test), "unified")
    except (AttributeError, KeyError, TypeError) as error:
        complaint = "" if category == "bson" else _complaint(data)
        raise UsageError(f"{path} does not have the structure of a test file: {complaint or repr(error)}") from error


def _complaint(file: dict[str, Any]) -> str:
    """Return a message that describes how a file violates the unified test format, or an empty text."""
    try:
        check_version(file)
        check_structure(file)
    except BadTest as bad:
        return bad.message
    return ""


def _corpus_tests(path: Path, prefix: str, data: dict[str, Any]) -> Iterator[TestCase]:
    offset = 0
    for part in ("valid", "decodeErrors"):
        for index, (name, _) in enumerate(_named(data.get(part, []), "description")):
            yield TestCase(f"{prefix}::{part}: {name}", path, offset + index, "bson", Group.SERVER, "bson")
        offset += len(data.get(part, []))


def _named(tests: list[dict[str, Any]], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tests with their names. Number repeated names, so that they are unique within their file."""
    seen: dict[str, int] = {}
    for test in tests:
        name = str(test.get(key, ""))
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name} #{seen[name]}"), test


def read_json(path: Path) -> Any:
    """Read a JSON file. Raise UsageError if it is malformed."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a readable JSON file: {error}") from error


def check_files(tests: Iterable[TestCase]) -> None:
    """Raise UsageError if a test's file violates the unified test format or has an unsupported version."""
    for path in dict.fromkeys(test.file for test in tests if test.kind == "unified"):
        complaint = _complaint(read_json(path))
        if complaint:
            raise UsageError(f"{path}: {complaint}")


def select(tests: Iterable[TestCase], categories: list[str], patterns: list[str]) -> list[TestCase]:
    """Return the tests in the given categories (`crud` includes all `crud.*`) whose names match any of the patterns.

    Raise UsageError for an unknown category, and if no test matches.
    """
    wanted = _expand(categories)
    chosen = [test for test in tests if (not wanted or test.category in wanted) and (not patterns or _fits(test.id, patterns))]
    if not chosen:
        raise UsageError("No test matches: the pattern is compared with names such as 'crud/unified/find::find with filter', with * and ?.")
    return chosen


def _expand(categories: list[str]) -> set[str]:
    wanted: set[str] = set()
    for category in categories:
        fits = {name for name in CATEGORIES if name == category or name.startswith(category + ".")}
        if not fits:
            raise UsageError(f"Unknown category {category!r}; the categories are {', '.join(CATEGORIES)}.")
        wanted |= fits
    return wanted


def _fits(name: str, patterns: list[str]) -> bool:
    """Return whether any pattern matches the name. A pattern without a wildcard may match a part of the name."""
    return any(fnmatch.fnmatchcase(name, pattern) if set(pattern) & set("*?[") else pattern in name for pattern in patterns)
