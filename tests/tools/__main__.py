"""Print the table in docs/production.md of programs that operate MongoDB, with what each was shown to do with this server.

SECANTUS_TOOLS=DIR:DIR python -m tests.tools
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from pymongo.errors import PyMongoError

from tests.integration.daemon import running
from tests.tools.programs import CHECKS, Unavailable, Workplace


def main() -> int:
    """Run every program; return 1 if one of them failed."""
    failed = 0
    print("| Program | What was run |\n|---|---|")
    with tempfile.TemporaryDirectory() as name, running(Path(name) / "data", "--log-level", "info") as daemon, daemon.client() as client:
        for number, (program, check) in enumerate(CHECKS):
            directory = Path(name) / str(number)
            directory.mkdir()
            try:
                result = check(Workplace(daemon, client, directory))
            except Unavailable as error:
                result = f"not run: {error}"
            except (AssertionError, PyMongoError, subprocess.SubprocessError, ValueError, KeyError) as error:
                failed, result = 1, f"FAILED: {error}"
            print(f"| {program} | {result} |", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
