"""The programs other than the daemon, and the daemon's subcommands that work with or without a running server."""
