"""The commands that only test suites run."""
