"""Code that runs in a suite's own environment and therefore imports nothing from this project."""
