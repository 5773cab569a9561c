"""The test suites of object-document mappers and frameworks, unmodified, in one module each."""
