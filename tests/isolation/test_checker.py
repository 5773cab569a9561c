"""Tests of the external checker: it accepts a valid history, and finds each anomaly in handwritten histories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.isolation.adya import SERIALIZABLE, SNAPSHOT_ISOLATION, NoChecker, Verdict, check, checker
from tests.isolation.history import History, Operation, Outcome, append, read

Judge = Callable[[str], Verdict]
Transactions = list[tuple[Outcome, list[Operation]]]


@pytest.fixture(scope="module", autouse=True)
def _checker() -> None:
    try:
        checker()
    except NoChecker as error:
        pytest.skip(str(error))


def judge(directory: Path, transactions: Transactions, model: str = SNAPSHOT_ISOLATION) -> Verdict:
    """Return the checker's verdict on transactions that all overlap, each in a different process."""
    history = History()
    for process, (_, operations) in enumerate(transactions):
        history.invoke(process, operations)
    for process, (outcome, operations) in enumerate(transactions):
        history.complete(outcome, process, operations)
    return check(history.write(directory / "history.jsonl"), model)


VALID: Transactions = [
    ("ok", [append(1, 1), append(2, 1)]),
    ("ok", [read(1, [1]), append(1, 2), read(1, [1, 2])]),
    ("fail", [append(1, 3)]),
    ("info", [append(2, 2)]),
    ("ok", [read(1, [1, 2]), read(2, [1, 2])]),
]

WRITE_SKEW: Transactions = [
    ("ok", [read(1, []), append(2, 1)]),
    ("ok", [read(2, []), append(1, 1)]),
    ("ok", [read(1, [1]), read(2, [1])]),
]

ANOMALIES: dict[str, Transactions] = {
    "G0": [
        ("ok", [append(1, 1), append(2, 1)]),
        ("ok", [append(1, 2), append(2, 2)]),
        ("ok", [read(1, [1, 2]), read(2, [2, 1])]),
    ],
    "G1a": [("fail", [append(1, 1)]), ("ok", [read(1, [1])])],
    "G1b": [("ok", [append(1, 1), append(1, 2)]), ("ok", [read(1, [1])]), ("ok", [read(1, [1, 2])])],
    "G1c": [("ok", [append(1, 1), read(2, [1])]), ("ok", [append(2, 1), read(1, [1])])],
    "G-single": [("ok", [append(1, 1), append(2, 1)]), ("ok", [read(1, []), read(2, [1])]), ("ok", [read(1, [1])])],
    "lost-update": [
        ("ok", [append(1, 1)]),
        ("ok", [read(1, [1]), append(1, 2)]),
        ("ok", [read(1, [1]), append(1, 3)]),
        ("ok", [read(1, [1, 2, 3])]),
    ],
    "internal": [("ok", [append(1, 1), read(1, [])])],
    "incompatible-order": [("ok", [append(1, 1)]), ("ok", [append(1, 2)]), ("ok", [read(1, [1])]), ("ok", [read(1, [2, 1])])],
}


def test_a_valid_history(tmp_path: Path) -> None:
    assert judge(tmp_path, VALID).valid
    assert judge(tmp_path, VALID, SERIALIZABLE).valid


def test_write_skew_is_snapshot_isolation_and_not_serializable(tmp_path: Path) -> None:
    assert judge(tmp_path, WRITE_SKEW).valid
    assert judge(tmp_path, WRITE_SKEW, SERIALIZABLE).anomalies == {"G2-item"}


@pytest.mark.parametrize("name", ANOMALIES)
def test_each_anomaly_is_found(tmp_path: Path, name: str) -> None:
    found = judge(tmp_path, ANOMALIES[name]).anomalies
    assert any(one.startswith(name) for one in found), found


def test_a_stale_read_is_found(tmp_path: Path) -> None:
    history = History()
    history.transaction("ok", 0, [append(1, 1)])
    history.transaction("ok", 1, [read(1, [])])
    history.transaction("ok", 1, [read(1, [1])])
    assert not check(history.write(tmp_path / "history.jsonl"), SNAPSHOT_ISOLATION).valid
