"""Errors that a page shows to its user."""

from __future__ import annotations


class InputError(Exception):
    """Invalid input; the message says what to correct."""


class NotAllowed(Exception):
    """The console may not do this; the message says why."""


class NotThere(Exception):
    """There is no such page or document."""
