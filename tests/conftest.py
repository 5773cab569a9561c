"""Make the helpers next to the tests importable, and configure all property tests.

The tree is appended at the end of the path. Therefore the tests import the installed package, which is the tree's own package only after
an installation in place.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
for directory in (ROOT, ROOT / "conformance"):
    if str(directory) not in sys.path:
        sys.path.append(str(directory))

# No deadline: how long an example takes depends on the machine's load, and on the variant of the compiled modules.
settings.register_profile("secantus", deadline=None)
settings.load_profile("secantus")
