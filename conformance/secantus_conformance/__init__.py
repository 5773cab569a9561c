"""secantus-conformance: runs test suites that nobody here wrote against any MongoDB-wire server, and says what holds."""
