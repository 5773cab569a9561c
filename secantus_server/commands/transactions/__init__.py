"""The commands that end multi-document transactions."""
