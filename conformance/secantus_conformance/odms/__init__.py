"""The test suites of object-document mappers and frameworks, unmodified, one file each."""
