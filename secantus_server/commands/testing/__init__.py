"""The commands for test suites."""
