"""`python -m secantus_server` runs the daemon `secantusdb`."""

import sys

from secantus_server.cli import main

sys.exit(main())
