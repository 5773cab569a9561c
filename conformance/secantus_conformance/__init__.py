"""secantus-conformance: runs independent test suites against any server with MongoDB's wire protocol, and reports which tests pass."""
