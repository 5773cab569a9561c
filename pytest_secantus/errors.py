"""Errors that the plugin reports to the user in one sentence."""

from __future__ import annotations


class CannotStart(Exception):
    """The options cannot be satisfied on this machine; the message is one sentence."""


class ServerDied(Exception):
    """The server's child process has ended; the message says how."""
