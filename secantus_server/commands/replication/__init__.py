"""The command hello and those on the replica set."""
