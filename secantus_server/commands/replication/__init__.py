"""The command hello and the commands on the replica set."""
