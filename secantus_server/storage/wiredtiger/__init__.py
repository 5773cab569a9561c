"""The binding to WiredTiger's C API: the only package that calls it."""
