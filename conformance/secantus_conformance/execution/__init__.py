"""Execution of tests: killable worker processes, the servers to which they connect, and the pool that assigns tests to workers."""
