"""The programs beside the daemon, and the daemon's subcommands that work without a server or beside one."""
