"""Errors that the console shows to its user."""

from __future__ import annotations


class InputError(Exception):
    """The error for invalid input. The message says what to correct."""


class NotAllowed(Exception):
    """The error for an action that the console or its user may not perform. The message gives the reason."""


class NotThere(Exception):
    """The error for a requested page or document that does not exist."""
