"""``--secantus-shadow``: each test's commands are sent to a second server as well, and the answers are compared."""
