"""The detection of tests that pass even without a server, so that they provide no information about one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from secantus_conformance.drivers.outcomes import Outcome

#: The URI of a port on which nobody listens.
NOWHERE: Final = "mongodb://127.0.0.1:9"
#: The same for drivers that would wait for a server.
NOWHERE_AT_ONCE: Final = f"{NOWHERE}/?serverSelectionTimeoutMS=100"
_SECONDS: Final = 3 * 3600.0


def passing_alone(folder: Path, run: Callable[[float], Iterable[Outcome]]) -> frozenset[str]:
    """Return the names of the tests that pass without a server. The first call runs the suite and stores the names in the folder.

    Arguments:
        run: runs the suite against `NOWHERE_AT_ONCE` with a time limit in seconds.
    """
    record = folder / "without-server.txt"
    if not record.exists():
        record.write_text("\n".join(each.name for each in run(_SECONDS) if each.verdict == "passed"), encoding="utf-8")
    return frozenset(record.read_text(encoding="utf-8").splitlines())
