"""Authentication (SCRAM and X.509), and the privileges, built-in roles and restrictions of users."""
