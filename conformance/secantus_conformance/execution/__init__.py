"""Killable worker processes, the servers they connect to, and the pool that assigns tests to them."""
