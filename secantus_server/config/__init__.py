"""The daemon's configuration: the config file, the flags, the origin of each value, and the settings tables in docs/config.md."""
