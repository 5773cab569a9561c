"""The names of the plan checks, and the parser of their thresholds in the ini file and in markers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pytest

from pytest_secantus.command_watch import ALLOW_MARKER, FAIL_MARKER

#: The checks with their default thresholds. n_plus_one reports counts from its threshold on, the other checks counts above theirs.
THRESHOLDS: Final = {"collscan": 50, "n_plus_one": 10, "in_memory_sort": 50, "unbounded_find": 100, "large_reply": 1_048_576}
#: The commands of which a loop that n_plus_one reports may consist.
READS: Final = frozenset(["find", "aggregate", "count", "distinct"])


def parse_checks(words: Iterable[Any], where: str) -> dict[str, int]:
    """Parse checks of the form `name` or `name=threshold`, and return their thresholds by name.

    Arguments:
        where: the option or marker, for error messages.

    Raises:
        pytest.UsageError: a word is not valid.
    """
    checks: dict[str, int] = {}
    for word in words:
        name, equals, text = str(word).partition("=")
        check_name(name, where)
        checks[name] = read_threshold(name, text, where) if equals else THRESHOLDS[name]
    return checks


def check_name(name: str, where: str) -> None:
    """Raise pytest.UsageError unless a check with this name exists."""
    if name not in THRESHOLDS:
        raise pytest.UsageError(f"{where}: {name!r} is not a check; the checks are {', '.join(THRESHOLDS)}")


def read_threshold(name: str, value: Any, where: str) -> int:
    """Parse a threshold.

    Raises:
        pytest.UsageError: the value is not a positive whole number.
    """
    text = str(value).replace("_", "")
    if type(value) is bool or not text.isdecimal() or int(text) < 1:
        raise pytest.UsageError(f"{where}: {name} must be a whole number from 1 on, not {value!r}")
    return int(text)


def checks_of(item: pytest.Item, given: Mapping[str, int]) -> dict[str, int]:
    """Return the plan checks that apply to a test, with their thresholds.

    Arguments:
        given: the checks in the ini file.

    Raises:
        pytest.UsageError: a marker is not valid.
    """
    checks = dict(given)
    for marker in reversed(list(item.iter_markers(FAIL_MARKER))):
        where = f"{item.nodeid}: the marker {FAIL_MARKER}"
        if not marker.args and not marker.kwargs:
            raise pytest.UsageError(f"{where} names no check; the checks are {', '.join(THRESHOLDS)}")
        checks |= parse_checks(marker.args, where)
        for name, threshold in marker.kwargs.items():
            check_name(name, where)
            checks[name] = read_threshold(name, threshold, where)
    for marker in item.iter_markers(ALLOW_MARKER):
        where = f"{item.nodeid}: the marker {ALLOW_MARKER}"
        if marker.kwargs or not marker.args:
            raise pytest.UsageError(f"{where} takes the names of checks: {', '.join(THRESHOLDS)}")
        for name in marker.args:
            check_name(name, where)
            checks.pop(name, None)
    return checks
