"""Errors whose one-sentence message the plugin shows to the user."""

from __future__ import annotations


class CannotStart(Exception):
    """The error for options that cannot be satisfied on this machine. The message is one sentence."""


class ServerDied(Exception):
    """The error after the server's child process has ended. The message describes how it ended."""
