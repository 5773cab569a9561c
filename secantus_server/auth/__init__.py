"""Authentication: SCRAM."""
