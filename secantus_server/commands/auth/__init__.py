"""The commands on users, roles and authentication."""
