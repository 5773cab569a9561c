"""The free passes: tests that pass against a server that stores nothing and reports success. The command `null` determines them."""

from __future__ import annotations

import json
from pathlib import Path

from secantus_conformance.model import Run, Verdict

PATH = Path(__file__).with_name("free_passes.json")


def free_passes() -> frozenset[str]:
    """Return the names of the tests that are free passes, or an empty set if `null` has not been run."""
    return frozenset(json.loads(PATH.read_text(encoding="utf-8"))) if PATH.exists() else frozenset()


def write_free_passes(run: Run) -> None:
    """Save the names of the tests that passed in a run of `null`."""
    names = sorted(result.id for result in run.results if result.verdict is Verdict.PASSED)
    PATH.write_text(json.dumps(names, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
