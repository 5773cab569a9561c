"""Recorded cases: replayed command by command, and compared strictly."""
