"""Where the suites come from, which tests they hold, and how those are filed."""
