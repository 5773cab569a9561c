"""Run the projects under examples/ in place, each as examples/README.md says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.project import LOAD

pytest_plugins = ["pytester"]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SUITE = ["--secantus", "--secantus-redirect=localhost:27017"]


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
