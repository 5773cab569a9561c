"""The subcommands of `secantus-conformance`, one module each."""
