"""Command-line programs in addition to the daemon, and the daemon's subcommands."""
