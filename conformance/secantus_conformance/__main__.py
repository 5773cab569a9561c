"""The entry point `python -m secantus_conformance`, which is equivalent to the script `secantus-conformance`."""

from secantus_conformance.cli import main

raise SystemExit(main())
