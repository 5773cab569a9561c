"""The suite documentdb/functional-tests against a daemon: what holds, and why the rest does not; see docs/conformance.md."""
