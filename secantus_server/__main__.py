"""`python -m secantus_server` is the daemon `secantusdb`."""

import sys

from secantus_server.cli import main

sys.exit(main())
