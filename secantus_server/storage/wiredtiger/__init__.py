"""The binding to WiredTiger's C API. No other package calls the C API."""
