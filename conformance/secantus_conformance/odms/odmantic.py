"""odmantic's test suite, from a checkout, because its source distribution contains no tests."""

from __future__ import annotations

from secantus_conformance.odms.python_suite import PythonSuite

SUITE = PythonSuite(
    name="odmantic",
    version="1.1.0",
    # Its test client does not work with httpx 0.28 and later.
    requirements=("{source}[test]", "httpx<0.28"),
    tests=("tests",),
    variables={"TEST_MONGO_URI": "{uri}/", "TEST_MONGO_MODE": "replicaSet"},
    repository="https://github.com/art049/odmantic",
)
