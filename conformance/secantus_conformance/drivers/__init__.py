"""The drivers' own test suites, unmodified, in one module each."""
