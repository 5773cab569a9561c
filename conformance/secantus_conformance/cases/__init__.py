"""Recorded cases, which are replayed command by command and compared strictly with the recorded replies."""
