"""The index commands."""
