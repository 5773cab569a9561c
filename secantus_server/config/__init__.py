"""The configuration of the daemon: the config file, the flags, the origin of each value, and the table in docs/config.md."""
