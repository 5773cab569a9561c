"""The suite documentdb/functional-tests run against a daemon: what passes, and why the rest fails; see docs/conformance.md."""
