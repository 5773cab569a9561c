"""Run the programs that operate MongoDB against the daemon."""
