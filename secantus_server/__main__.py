"""Runs the daemon `secantusdb` for `python -m secantus_server`."""

import sys

from secantus_server.cli import main

sys.exit(main())
