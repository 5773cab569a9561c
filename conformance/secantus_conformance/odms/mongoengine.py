"""mongoengine's test suite, from a checkout, because its source distribution contains only some of the tests."""

from __future__ import annotations

from secantus_conformance.odms.python_suite import PythonSuite

# The tests connect to localhost:27017; no other address can be configured.
SUITE = PythonSuite(
    name="mongoengine",
    version="0.29.3",
    requirements=("{source}[test]", "mongomock", "pytest"),
    tests=("tests",),
    repository="https://github.com/MongoEngine/mongoengine",
    port=27017,
)
