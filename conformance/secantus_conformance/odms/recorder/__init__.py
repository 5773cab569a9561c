"""Code that runs in a suite's own environment. It imports nothing from this project."""
