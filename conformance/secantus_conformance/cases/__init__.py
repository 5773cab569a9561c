"""The recorded cases: replayed one command after the other, judged strictly."""
