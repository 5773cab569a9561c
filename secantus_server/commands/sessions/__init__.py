"""The commands for logical sessions."""
