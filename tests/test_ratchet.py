"""The ratchet's own rules: no matching case is lost, lists only shrink, and cases with varying results are ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import ratchet

NAMES = [
    "core/operator/query/eq/test_eq.py::test_eq[a]",
    "core/operator/query/eq/test_eq.py::test_eq[b[1]]",
    "core/operator/query/x.py::test_x",
]


@pytest.fixture(autouse=True)
def _lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratchet, "LISTS", tmp_path)


def judged(*wrong: str) -> list[ratchet.Area]:
    return ratchet.judge({name: "wrong" if name in wrong else None for name in NAMES})


@pytest.mark.parametrize(
    ("name", "area"),
    [
        (NAMES[0], "core/operator/query"),
        ("core/operator/test_combination.py::test_a/b[c]", "core/operator"),
        ("core/query_and_write/commands/find/test_find.py::test_f", "core/query_and_write"),
        ("core/collation/test_c.py::test_c", "core/collation"),
        ("system/diagnostic/commands/ping/test_ping.py::test_p", "system/diagnostic"),
    ],
)
def test_areas(name: str, area: str) -> None:
    assert ratchet.area_of(name) == area


def test_lists_are_read_as_they_are_written() -> None:
    assert list(ratchet.unfold(ratchet.fold(NAMES))) == NAMES
    assert list(ratchet.fold(NAMES))[:3] == ["core/operator/query/eq/test_eq.py::test_eq", "  [a]", "  [b[1]]"]


def test_nothing_is_lost_before_there_is_a_list() -> None:
    assert ratchet.lost(judged(*NAMES)) == {}


def test_what_held_must_hold() -> None:
    (area,) = judged(NAMES[0])
    area.note()
    assert ratchet.lost(judged(NAMES[0])) == {}
    assert ratchet.lost(judged(NAMES[0], NAMES[2])) == {NAMES[2]: "wrong"}
    assert ratchet.won(judged()) == {NAMES[0]}


def test_lists_only_shrink() -> None:
    for wrong in ([NAMES[0], NAMES[1]], [NAMES[1], NAMES[2]], NAMES):
        (area,) = judged(*wrong)
        area.note()
    assert ratchet.lost(judged(*NAMES)).keys() == {NAMES[0], NAMES[2]}


def test_bars() -> None:
    (area,) = judged(NAMES[0])
    assert area.percentage == pytest.approx(100 * 2 / 3)
    assert area.falls_short()
    (area,) = judged()
    assert not area.falls_short()


def test_changed_cases_are_told() -> None:
    (area,) = judged()
    area.note()
    (other,) = ratchet.judge(dict.fromkeys(NAMES[:2]))
    assert not area.is_stale()
    assert other.is_stale()


def test_each_case_that_does_not_match_has_a_reason() -> None:
    lists = sorted(ratchet.REASONS.parent.glob("*.txt"))
    names = [name for path in lists for name in ratchet.unfold(path.read_text(encoding="utf-8").split("\n")[1:]) if name]
    assert lists
    assert [why for why in ratchet.count_reasons(names) if why.startswith("without a reason")] == []
