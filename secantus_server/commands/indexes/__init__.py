"""The commands on indexes."""
