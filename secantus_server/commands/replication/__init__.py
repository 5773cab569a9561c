"""The command hello and the replica set commands."""
