"""The commands for users, roles and authentication."""
