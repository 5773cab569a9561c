"""The binding to WiredTiger's C API; no other package calls it."""
