"""The test suites: their sources, their tests, and the classification of the tests."""
