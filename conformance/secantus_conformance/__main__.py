"""`python -m secantus_conformance`, the same as the script `secantus-conformance`."""

from secantus_conformance.cli import main

raise SystemExit(main())
