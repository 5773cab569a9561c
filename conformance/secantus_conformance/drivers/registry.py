"""The available suites. Another driver needs one more file and one line here."""

from __future__ import annotations

from secantus_conformance.drivers.base import DriverSuite
from secantus_conformance.drivers.go import GoSuite
from secantus_conformance.drivers.pymongo import PymongoSuite

SUITES: dict[str, DriverSuite] = {
    "go": GoSuite(),
    "pymongo": PymongoSuite("pymongo", "default"),
    "pymongo-async": PymongoSuite("pymongo-async", "default_async"),
}
