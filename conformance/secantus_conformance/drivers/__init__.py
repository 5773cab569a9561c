"""Drivers' own test suites, unmodified, one small file each."""
