"""The registry of driver suites. To add a driver, write a module with its suite and register the suite here."""

from __future__ import annotations

from secantus_conformance.drivers.base import DriverSuite
from secantus_conformance.drivers.c import CSuite
from secantus_conformance.drivers.go import GoSuite
from secantus_conformance.drivers.java import JavaSuite
from secantus_conformance.drivers.node import NodeSuite
from secantus_conformance.drivers.php import PhpSuite
from secantus_conformance.drivers.pymongo import PymongoSuite
from secantus_conformance.drivers.ruby import RubySuite
from secantus_conformance.drivers.rust import RustSuite

SUITES: dict[str, DriverSuite] = {
    "c": CSuite(),
    "go": GoSuite(),
    "java": JavaSuite(),
    "node": NodeSuite(),
    "php": PhpSuite(),
    "pymongo": PymongoSuite("pymongo", "default"),
    "pymongo-async": PymongoSuite("pymongo-async", "default_async"),
    "ruby": RubySuite(),
    "rust": RustSuite(),
}
