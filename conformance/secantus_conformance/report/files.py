"""The files that contain the reports of a run."""

from __future__ import annotations

from pathlib import Path

from secantus_conformance.failures import UsageError
from secantus_conformance.model import Run
from secantus_conformance.report.html import write_html
from secantus_conformance.report.jsonout import write_json
from secantus_conformance.report.junit import write_junit


def write_reports(run: Run, folder: Path, free: frozenset[str] = frozenset()) -> None:
    """Write `report.json`, `junit.xml` and `report.html` into a folder. Raise UsageError if the folder is not writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(run, folder / "report.json")
        write_junit(run, folder / "junit.xml")
        write_html(run, folder / "report.html", free)
    except OSError as error:
        raise UsageError(f"The reports is not writable {folder}: {error}") from error
