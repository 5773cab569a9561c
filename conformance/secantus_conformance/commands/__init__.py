"""The subcommands of `secantus-conformance`, one file each."""
