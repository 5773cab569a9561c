"""The configuration of the daemon: the config file, the flags, where each value comes from, and the table in docs/config.md."""
