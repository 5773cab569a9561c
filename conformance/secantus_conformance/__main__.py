"""`python -m secantus_conformance` is the script `secantus-conformance`."""

from secantus_conformance.cli import main

raise SystemExit(main())
