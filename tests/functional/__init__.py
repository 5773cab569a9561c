"""The suite documentdb/functional-tests, run against a daemon: which tests pass, and why the others fail. See docs/conformance.md."""
