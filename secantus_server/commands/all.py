"""The registration of all commands: importing a module of this package registers its commands."""

from __future__ import annotations

import secantus_server.commands
from secantus_server.modules import import_modules


def load_commands() -> None:
    """Register all commands; a second call does nothing."""
    import_modules("secantus_server.commands", secantus_server.commands.__path__)
