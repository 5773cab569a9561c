"""Errors that the console shows to its user."""

from __future__ import annotations


class InputError(Exception):
    """The error for invalid input. The message says what to correct."""


class NotAllowed(Exception):
    """The console is not allowed to do this; the message says why."""


class NotThere(Exception):
    """The requested page or document does not exist."""
