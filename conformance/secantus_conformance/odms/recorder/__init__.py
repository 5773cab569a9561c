"""Plugins that run in a suite's own environment and therefore import nothing from this project."""
