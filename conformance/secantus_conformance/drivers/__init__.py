"""Drivers' own test suites, unmodified, one file each."""
