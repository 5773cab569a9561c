"""Makes the helpers beside the tests importable.

The tree comes last on the path: what is tested is the installed package, and the tree itself only where that is installed in place.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
for directory in (ROOT, ROOT / "conformance"):
    if str(directory) not in sys.path:
        sys.path.append(str(directory))
