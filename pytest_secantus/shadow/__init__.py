"""The option ``--secantus-shadow``: each test's commands are also sent to a second server (the shadow), and the replies are compared."""
