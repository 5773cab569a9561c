"""The soak test's decision detects a growing series, and accepts a series that does not grow."""

from __future__ import annotations

import pytest

from tests.soak.samples import LIMITS, Sample, growing, heading, row

FLAT = [Sample(minute, 100_000, 90_000, 20, 10, 4, 500) for minute in range(40)]


def test_what_is_flat_does_not_grow() -> None:
    assert growing(FLAT, 10) == []
    assert len(row(FLAT[0])) == len(heading())


def test_what_grows_in_the_warm_up_does_not_count() -> None:
    assert growing([one._replace(beside_cache_kb=min(one.minute, 10) * 10_000) for one in FLAT], 10) == []


@pytest.mark.parametrize("name", LIMITS)
def test_what_grows_is_named(name: str) -> None:
    samples = [one._replace(**{name: getattr(one, name) + one.minute**3 * 100}) for one in FLAT]
    (found,) = growing(samples, 10)
    assert found.startswith(name)


def test_too_few_samples_say_nothing() -> None:
    assert "nothing can be said" in growing(FLAT[:3], 0)[0]
