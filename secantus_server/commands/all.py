"""Imports every module of this package, so that each command registers itself."""

from __future__ import annotations

import secantus_server.commands
from secantus_server.modules import import_modules


def load_commands() -> None:
    """Make all commands known; a second call does nothing more."""
    import_modules("secantus_server.commands", secantus_server.commands.__path__)
