"""The record of every write, in the write's own transaction."""
