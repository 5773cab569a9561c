"""The report of a run as JSON, which `run --report` writes, and which `docs`, `--baseline` and other tools read."""

from __future__ import annotations

import json
from pathlib import Path

from secantus_conformance.failures import UsageError
from secantus_conformance.model import Result, Run


def write_json(run: Run, path: Path) -> None:
    """Write a run, one result per line, so that two reports can be compared line by line."""
    head = {"title": run.title, "suite": run.suite, "server": run.server, "seconds": round(run.seconds, 1), "notes": list(run.notes)}
    lines = ",\n".join(json.dumps(result.to_json(), ensure_ascii=False, sort_keys=True) for result in run.results)
    text = json.dumps(head, ensure_ascii=False, indent=1)
    path.write_text(text[:-2] + ',\n "results": [\n' + lines + "\n]}\n", encoding="utf-8")


def read_json_report(path: Path) -> Run:
    """Read a JSON report. Raise UsageError if the file is not a report."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        results = tuple(Result.from_json(each) for each in data["results"])
        return Run(data["title"], data["suite"], data["server"], results, data["seconds"], tuple(data.get("notes", ())))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not a JSON report of this runner: {error}") from error
