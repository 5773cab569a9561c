"""Runs of the projects under examples/ in place, as examples/README.md says. The shop is skipped if its libraries are not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.project import LOAD

pytest_plugins = ["pytester"]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SUITE = ["--secantus", "--secantus-redirect=localhost:27017"]


SHOP = ("fastapi", "beanie", "httpx2", "hypothesis", "pytest_asyncio", "time_machine", "trustme", "jinja2", "uvicorn")


@pytest.mark.parametrize(
    ("name", "arguments", "passed"),
    [("plain", [], 7), ("asynchronous", [], 4), ("local_mongod", SUITE, 14), ("local_mongod", [*SUITE, "-n", "2"], 14)],
)
def test_example(pytester: pytest.Pytester, name: str, arguments: list[str], passed: int) -> None:
    for plugin in ("xdist",) * ("-n" in arguments) + ("pytest_asyncio",) * (name == "asynchronous"):
        pytest.importorskip(plugin)
    line = (*LOAD, "-p", "no:cacheprovider", "--strict-markers", *arguments, str(EXAMPLES / name))
    result = pytester.runpytest_subprocess(*line, timeout=60)
    result.assert_outcomes(passed=passed)


@pytest.mark.parametrize("workers", [[], ["-n", "4"]], ids=["alone", "four-workers"])
def test_the_shop(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: list[str]) -> None:
    """Two of its 63 tests are expected to fail."""
    for library in (*SHOP, *["xdist"][: len(workers)]):
        pytest.importorskip(library)
    if not hasattr(pytest, "Subtests"):
        pytest.skip("the shop needs pytest 9, which has subtests")
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(name, raising=False)
    result = pytester.runpytest_subprocess(*LOAD, "-p", "no:cacheprovider", *workers, str(EXAMPLES / "shop"), timeout=600)
    assert result.ret == 0
    outcomes = result.parseoutcomes()
    assert (outcomes["passed"], outcomes["xfailed"]) == (61, 2)
