"""beanie's test suite, from a checkout, because its source distribution contains no tests."""

from __future__ import annotations

from secantus_conformance.odms.python_suite import PythonSuite

SUITE = PythonSuite(
    name="beanie",
    version="2.1.0",
    requirements=("{source}[test]",),
    tests=("tests",),
    variables={"MONGODB_DSN": "{uri}/beanie_db"},
    repository="https://github.com/BeanieODM/beanie",
)
