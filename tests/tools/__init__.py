"""Tests of the command line tools, and of other tools against the daemon."""
