"""Imports every module of this package, so that each command registers itself."""

from __future__ import annotations

import importlib
import pkgutil

import secantus_server.commands


def load_commands() -> None:
    """Make all commands known; a second call does nothing more."""
    for module in pkgutil.iter_modules(secantus_server.commands.__path__):
        importlib.import_module(f"secantus_server.commands.{module.name}")
