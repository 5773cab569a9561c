"""The commands on logical sessions."""
