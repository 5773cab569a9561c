"""Logical sessions."""
