"""secantus-conformance: run independent test suites against any server with MongoDB's wire protocol, and report which tests pass."""
